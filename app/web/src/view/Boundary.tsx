/** The last resort: what cannot be drawn is said, and what the learner wrote stays in the storage. */
import { Component, type ReactNode } from "react";
import { texts } from "../texts";

export class Boundary extends Component<{ children: ReactNode }, { isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError() {
    return { isBroken: true };
  }

  override render() {
    if (!this.state.isBroken) return this.props.children;
    return (
      <main className="wait" role="alert">
        <p>{texts.faults.page}</p>
        <button className="quiet" onClick={() => location.reload()}>
          {texts.faults.reload}
        </button>
      </main>
    );
  }
}
