/** Text of the model, shown as harmless text: no HTML, no pictures, no link that runs; code in colours. */
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import http from "highlight.js/lib/languages/http";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import xml from "highlight.js/lib/languages/xml";
import { memo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeHighlight from "rehype-highlight";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { unhidden } from "../unhidden";

const LONGEST = 50_000; // beyond, the parser would hold up the page: plain text does for it
const LANGUAGES = { bash, c, http, json, python, sql, xml };

const components: Components = {
  a: ({ href, children }) =>
    href ? (
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
  pre: ({ children }) => (
    <pre tabIndex={0} dir="ltr">
      {children}
    </pre>
  ),
  table: ({ children }) => (
    <div className="scroll" tabIndex={0} role="group">
      <table>{children}</table>
    </div>
  ),
};

export const Markdown = memo(function Markdown({ text: raw }: { text: string }) {
  const text = unhidden(raw);
  if (text.length > LONGEST)
    return (
      <div className="prose plain" dir="auto">
        {text}
      </div>
    );
  return (
    <div className="prose" dir="auto">
      <ReactMarkdown
        components={components}
        remarkPlugins={[remarkGfm]}
        rehypePlugins={[rehypeSanitize, [rehypeHighlight, { languages: LANGUAGES }]]}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
});
