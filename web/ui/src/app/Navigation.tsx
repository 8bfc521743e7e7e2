// The way between pages: a rail on the left, on a phone a bar of tabs at the bottom.
import { Link, useLocation } from "wouter";
import { Icon } from "@/widgets/Icon";
import styles from "./Navigation.module.css";
import { PAGES } from "./routes";

export function Navigation() {
  const [path] = useLocation();
  return (
    <nav className={styles.navigation} aria-label="Pages">
      <ul>
        {PAGES.map((page) => (
          <li key={page.path}>
            <Link
              href={page.path}
              className={styles.link}
              aria-current={path === page.path ? "page" : undefined}
            >
              <Icon name={page.icon} size={18} />
              <span>{page.title}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
