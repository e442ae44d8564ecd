/** Text of the model, shown as harmless text: no HTML, no pictures, no link that runs; code in colours. */
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import http from "highlight.js/lib/languages/http";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import xml from "highlight.js/lib/languages/xml";
import { Component, memo, type ReactNode, use } from "react";
import ReactMarkdown, { type Components, type Options } from "react-markdown";
import rehypeHighlight from "rehype-highlight";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { type Block, blocksOf } from "../blocks";
import { type Marks, type Piece, pieces, withMarks } from "../knowledge/marks";
import { unhidden } from "../unhidden";
import { Citation, CitedContext } from "./knowledge/cited";

const LANGUAGES = { bash, c, http, json, python, sql, xml };

const components: Components = {
  a: ({ href, className, children }) =>
    className === "cite" ? (
      <Citation id={String(children)} />
    ) : href ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <>{children}</>
    ),
  img: ({ alt }) => <>{alt}</>,
  // a page has one h1, a message one h2, and neither is the model's
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h3>{children}</h3>,
  h5: ({ children }) => <h4>{children}</h4>,
  h6: ({ children }) => <h4>{children}</h4>,
  pre: ({ children }) => <Code>{children}</Code>,
  table: ({ children }) => (
    <div className="scroll" tabIndex={0} role="group">
      <table>{children}</table>
    </div>
  ),
};

const PROSE: Options = { components, remarkPlugins: [remarkGfm], rehypePlugins: [rehypeSanitize] };
const WITH_CODE: Options = {
  ...PROSE,
  rehypePlugins: [rehypeSanitize, [rehypeHighlight, { languages: LANGUAGES }]],
};
const FENCE = /```|~~~/;

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className="prose" dir="auto">
      {blocksOf(unhidden(text)).map((block, at) => (
        <Part key={at} {...block} />
      ))}
    </div>
  );
});

/** Drawn again only when it has changed: of a growing answer, that is the last one. */
const Part = memo(function Part({ text, kind }: Block) {
  const marks = use(CitedContext)?.marks ?? null;
  if (kind === "plain") return <Plain text={text} marks={marks} />;
  if (kind === "code") return <Code>{<code>{text}</code>}</Code>;
  return (
    <Undrawn text={text}>
      <ReactMarkdown {...optionsFor(text, marks)}>{text}</ReactMarkdown>
    </Undrawn>
  );
});

function Code({ children }: { children: ReactNode }) {
  return (
    <pre tabIndex={0} dir="ltr">
      {children}
    </pre>
  );
}

function optionsFor(text: string, marks: Marks | null): Options {
  const options = FENCE.test(text) ? WITH_CODE : PROSE;
  return marks ? { ...options, rehypePlugins: [...(options.rehypePlugins ?? []), [withMarks, marks]] } : options;
}

function Plain({ text, marks = null }: { text: string; marks?: Marks | null }) {
  return (
    <div className="plain" dir="auto">
      {marks ? pieces(text, marks).map((piece, at) => <Marked key={at} piece={piece} />) : text}
    </div>
  );
}

function Marked({ piece }: { piece: Piece }) {
  if (typeof piece === "string") return piece;
  return "id" in piece ? <Citation id={piece.id} /> : <mark>{piece.flag}</mark>;
}

/** A text that the parser cannot take is shown as it is. */
class Undrawn extends Component<{ text: string; children: ReactNode }, { isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError() {
    return { isBroken: true };
  }

  override render() {
    return this.state.isBroken ? <Plain text={this.props.text} /> : this.props.children;
  }
}
