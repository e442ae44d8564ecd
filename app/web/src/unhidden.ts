/** Text whose order nobody can bend: controls of direction (Unicode Annex 9, section 2) are shown, not obeyed. */
export function unhidden(text: string): string {
  return text.replace(
    /[\u202a-\u202e\u2066-\u2069]/g,
    (char) => `[U+${char.charCodeAt(0).toString(16).toUpperCase()}]`,
  );
}
