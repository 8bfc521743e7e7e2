// Starts the dashboard.
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/query_client";
import { App } from "./app/App";
import { preloadPage } from "./app/routes";
import { applyPreferences } from "./preferences/preferences";
import "./styles/tokens.css";
import "./styles/base.css";

applyPreferences();
preloadPage(window.location.pathname);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
