/** The text that is chosen where this element stands; that of a shadow tree is kept apart from the document's. */
export function chosenIn(element: Element): string {
  const root = element.getRootNode() as Node & { getSelection?: () => Selection | null };
  const inside = root.getSelection?.()?.toString();
  return inside || (getSelection()?.toString() ?? "");
}
