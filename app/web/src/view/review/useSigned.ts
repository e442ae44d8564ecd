/** Answers of the desk for who is signed in: an expired session leads back to the sign-in, wherever it shows. */
import { useCallback } from "react";
import { isTurnedAway } from "../../turns";
import { useSession } from "../SessionContext";

export function useSigned(): <Value>(answer: Promise<Value>) => Promise<Value> {
  const { turnedAway } = useSession();
  return useCallback(
    (answer) =>
      answer.catch((error: unknown) => {
        if (isTurnedAway(error)) turnedAway(error);
        throw error;
      }),
    [turnedAway],
  );
}
