/** Hand the person a file that this page has made or fetched. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // some browsers read it only after the click
}

/** The name in a Content-Disposition (RFC 6266), if it is a plain one. */
export function nameIn(disposition: string | null): string | null {
  const name = /filename="?([\w.-]+)"?/.exec(disposition ?? "")?.[1];
  return name && !name.startsWith(".") ? name : null;
}
