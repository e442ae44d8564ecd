/** The last resort: what cannot be drawn is said, and what the learner wrote stays in the storage. */
import { Component, type ReactNode } from "react";
import { texts } from "../texts";

interface Props {
  children: ReactNode;
  /** In a page of somebody else's: what is said there, where only this part is drawn again. */
  part?: string;
}

export class Boundary extends Component<Props, { isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError() {
    return { isBroken: true };
  }

  override render() {
    if (!this.state.isBroken) return this.props.children;
    const { part } = this.props;
    return (
      <div className="wait" role="alert">
        <p>{part ?? texts.faults.page}</p>
        <button className="quiet" onClick={() => (part ? this.setState({ isBroken: false }) : location.reload())}>
          {part ? texts.embed.again : texts.faults.reload}
        </button>
      </div>
    );
  }
}
