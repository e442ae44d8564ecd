/** The review page: the queue, or the one item that the address names. */
import { useMemo, useState } from "react";
import { useSearch } from "wouter";
import { filtersOf } from "../../review/filters";
import "../../styles/finding.css";
import "../../styles/review.css";
import { Frame } from "../Frame";
import { useTutorOf } from "../TutorContext";
import { Exchange } from "./Exchange";
import { Help } from "./Help";
import { Queue } from "./Queue";

const SWITCH = "review-keys";

export default function Review() {
  const search = useSearch();
  const about = new URLSearchParams(search).get("about");
  const filters = useMemo(() => filtersOf(search), [search]);
  const [isOn, setIsOn] = useSwitch();
  const [isHelp, setIsHelp] = useState(false);
  const [notice, setNotice] = useState("");
  const [wanted, setWanted] = useState<string | null>(null);
  const shared = { filters, isOn, help: () => setIsHelp(true) };

  return (
    <Frame>
      <div className="page review">
        <p className="review-notice" role="status">
          {notice}
        </p>
        {about ? (
          <Exchange key={about} {...shared} about={about} isWanted={wanted === about} tell={setNotice} />
        ) : (
          <Queue {...shared} want={setWanted} tell={setNotice} />
        )}
      </div>
      <Help isOpen={isHelp} setIsOpen={setIsHelp} isOn={isOn} setIsOn={setIsOn} />
    </Frame>
  );
}

/** Whether single keys do anything: kept in this browser, for this person. */
function useSwitch(): [boolean, (isOn: boolean) => void] {
  const { shelf } = useTutorOf();
  const [isOn, setIsOn] = useState(() => shelf.get(SWITCH) !== "off");
  const set = (value: boolean) => {
    shelf.put(SWITCH, value ? "on" : "off");
    setIsOn(value);
  };
  return [isOn, set];
}
