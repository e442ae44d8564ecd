/** `<preceptor-chat src="https://tutor.example">`: the tutor in somebody else's page (docs/embedding.md). */
import { StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { texts } from "../texts";
import { Boundary } from "../view/Boundary";
import { type Giver, keysOf } from "./bearer";
import { Plugin } from "./Plugin";
import { sheet } from "./style";

let style: CSSStyleSheet | null = null;

class PreceptorChat extends HTMLElement implements Giver {
  static readonly observedAttributes = ["src", "token", "log-key"];

  #getToken: (() => Promise<string>) | null = null;
  #root: Root | null = null;
  readonly #keyOf = keysOf(() => this);

  /** Gives a short-lived key whenever one is needed; wins over the attribute `token`. */
  get getToken(): (() => Promise<string>) | null {
    return this.#getToken;
  }

  set getToken(give: (() => Promise<string>) | null) {
    this.#getToken = give;
    this.#draw();
  }

  get token(): string | null {
    return this.getAttribute("token");
  }

  connectedCallback() {
    this.#upgrade();
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [(style ??= sheet())];
    this.#root ??= createRoot(shadow);
    this.#draw();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return; // only moved
      this.#root?.unmount();
      this.#root = null;
    });
  }

  attributeChangedCallback() {
    this.#draw();
  }

  #draw() {
    this.#root?.render(
      <StrictMode>
        <Boundary part={texts.embed.broken}>
          <Plugin
            token={this.token}
            origin={originOf(this.getAttribute("src"))}
            keyOf={this.#keyOf}
            logKey={this.getAttribute("log-key")}
          />
        </Boundary>
      </StrictMode>,
    );
  }

  /** A page may have set the property before this script came. */
  #upgrade() {
    if (!Object.hasOwn(this, "getToken")) return;
    const given = (this as Giver).getToken;
    delete (this as Partial<Giver>).getToken;
    this.getToken = given;
  }
}

function originOf(src: string | null): string {
  return src && URL.canParse(src) ? new URL(src).origin : "";
}

if (!customElements.get("preceptor-chat")) customElements.define("preceptor-chat", PreceptorChat);
