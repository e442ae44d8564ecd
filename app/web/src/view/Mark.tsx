/** The product's name and sign: a tree's path that ends in a tick. */
import { texts } from "../texts";

export function Mark() {
  return (
    <p className="mark">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path
          d="M8 16.5l5.5 5.5L24 10.5"
          fill="none"
          stroke="var(--on-accent)"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <span>{texts.product}</span>
    </p>
  );
}
