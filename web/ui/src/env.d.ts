/// <reference types="vite/client" />

/** The version of the dashboard, put in by the build. */
declare const __PI5_VERSION__: string;
