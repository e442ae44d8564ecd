/** What a learner reads. */
import type { Outcome, StepName } from "../proof/verify";

export const learner = {
  product: "Preceptor",
  tagline: "Learn security from a tutor that keeps proof of everything it says.",
  loading: "Loading…",
  close: "Close",
  cancel: "Cancel",
  signIn: {
    title: "Sign in",
    key: "Access key",
    hint: "Your organisation gave you this key. It stays in a cookie that scripts cannot read.",
    button: (isOnlyWay: boolean) => (isOnlyWay ? "Sign in" : "Sign in with the key"),
    busy: "Signing in…",
    with: (issuer: string) => `Continue with ${issuer}`,
    or: "or with an access key",
    ended: {
      denied: "You were not let in: you said no there, or your organisation does not let you use this tutor.",
      failed: "Signing in did not work. Try once more; if it fails again, tell whoever runs this tutor.",
      unavailable: "Signing in there does not work now. Try again in a minute, or use an access key.",
    },
    empty: "Enter your access key.",
    promises: [
      ["Checked first", "A guard reads each question, and each part of an answer before you see it."],
      ["On the record", "Every exchange is written to a log that outsiders can verify. Your text is encrypted in it."],
      ["Proved to you", "Each answer comes with a receipt that your own browser checks."],
    ],
  },
  terms: {
    title: "Before you begin",
    text: "Terms of use",
    lead: "Please read the terms of use. Accepting them is itself a record, and you keep its receipt.",
    version: "Version",
    digest: "SHA-256",
    accept: "I accept these terms",
    busy: "Recording…",
    decline: "Sign out",
  },
  nav: {
    menu: "Menu",
    pages: "Pages",
    history: "Conversations",
    fresh: "New conversation",
    untitled: "New conversation",
    local: "History stays in this browser.",
    remove: (title: string) => `Delete “${title}”`,
    confirm: "Delete this conversation?",
    confirmText: "It is removed from this browser. The log keeps its own record, as the terms say.",
    confirmButton: "Delete",
    signOut: "Sign out",
    skip: "Skip to the content",
  },
  chat: {
    title: "What would you like to understand?",
    lead: "Ask about how attacks work, how they are noticed, and how systems are kept safe.",
    suggestions: [
      "How does a buffer overflow work, and what prevents it?",
      "Explain TLS certificates to me like a colleague.",
      "What should be in an incident report?",
    ],
    thread: "Conversation",
    field: "Your question",
    placeholder: "Ask a question…",
    send: "Send",
    stop: "Stop",
    you: "You",
    tutor: "Preceptor",
    thinking: "Checking your question…",
    writing: "Each part is checked and recorded before you see it…",
    complete: "The tutor has finished.",
    latest: "Jump to the latest",
    note: "Answers come from a language model and may be wrong. Check them before you act.",
    noteLookedUp: "Answers are a language model’s unless they say otherwise. Check them before you act.",
    copy: "Copy",
    copied: "Copied",
    retry: "Try again",
    edit: "Put in the field",
    stopped: "You stopped this answer. What arrived before is above; the log says it was interrupted.",
    filtered: "The guard ended this answer here: what came next did not pass the check.",
  },
  mark: (subject: string, time: string, id: string) => [`${subject} · ${time}`, id],
  /** It begins with "— Preceptor," and holds the record's id in every language: so it is known as no part of the text. */
  footer: (subject: string, time: string, id: string, address: string) =>
    `— Preceptor, a language model’s answer to ${subject}, ${time}, record ${id}, verify at ${address}`,
  /** The same below what no model wrote. */
  footerQuoted: (subject: string, time: string, id: string, address: string) =>
    `— Preceptor, looked up in the knowledge base for ${subject} and quoted from it, not written by a language model, ` +
    `${time}, record ${id}, verify at ${address}`,
  line: {
    allowed: "Checked and recorded",
    redacted: "Recorded, private data removed",
    taught: "Lesson, recorded",
    refused: "Refused, recorded",
    holds: "verified in this browser",
    fails: "Does not verify",
    button: "Verify this answer",
    details: "See the proof",
  },
  lesson: {
    label: "A short lesson first",
    questions: "Ask yourself",
    ungraded: "Not graded. You may write, or only think; what you write is kept with the pass.",
    answer: (number: number) => `Your thoughts on question ${number}`,
    records: "Passing is recorded with your pseudonym, this lesson, the policy and the time. The pass ends by itself.",
    button: "Pass and see the answer",
    busy: "Recording…",
    passed: (until: string) => `Passed. Questions of this kind are open to you until ${until}.`,
    again: "Read the lesson again",
  },
  refusal: {
    label: "This question is refused",
    clause: "Clause of the terms",
    offer: "What I can do instead",
    ask: "Ask that instead",
    /** A question of the learner's own out of the policy's sentence; null where the sentence offers none. */
    neighbour: (offer: string) => {
      const match = /I can explain (how|what|why) ([^;.]+)/.exec(offer);
      return match ? `Please explain ${match[1]} ${match[2]}.` : null;
    },
    appeal: "Appeal",
    appealLead: "A person reads this. No guard stands before an appeal.",
    appealField: "Why do you think this refusal is a mistake?",
    appealSend: "Send the appeal",
    appealed: "Your appeal is on record. Its receipt is kept with this conversation.",
  },
  verify: {
    title: "Verify this answer",
    lead: "Your browser checks the receipt by itself. It asks no server, ours included.",
    steps: {
      read: ["The receipt is complete", "It names one record and its place in the log."],
      signature: [
        "The log signed it",
        "The log’s signature fits the public key below. Without its private key nobody can make it.",
      ],
      inclusion: [
        "The record is in the log",
        "From the record’s fingerprint, the receipt leads up to the signed one of the whole log.",
      ],
      text: [
        "This is the text",
        "The record commits to exactly the words below. One other letter, and it does not fit.",
      ],
    } satisfies Record<StepName, [string, string]>,
    outcome: {
      holds: "Holds",
      fails: "Does not hold",
      open: "Not checked",
    } satisfies Record<Outcome, string>,
    summary: {
      holds: "All four hold: this is what the log recorded.",
      fails: "This does not hold. Do not trust this text; show the receipt to your instructor.",
      open: "Nothing contradicts the receipt so far. Add the log’s public key below to check its signature.",
    } satisfies Record<Outcome, string>,
    text: "The text that is checked",
    try: "Change a letter, and watch the last step.",
    restore: "Restore",
    keyTitle: "The log’s public key",
    keyLead:
      "Paste the content of log.vkey. Take it from your organisation, not from this page: then we cannot lie to you.",
    keyField: "Public key",
    keyUse: "Use this key",
    keyFile: "Open a file",
    keyForget: "Forget",
    keyKnown: (id: string) => `Key ${id}, kept in this browser`,
    keyBad: (why: string) => `This is ${why}.`,
    oldBrowser: "This browser cannot check Ed25519 signatures. A newer one can.",
    save: "Save the receipt",
    saveHint: "Check it anywhere with",
    command: (file: string) => `python -m audit.verify --receipt ${file} --key log.vkey`,
    facts: { record: "Record", log: "Log", place: "Place", time: "Time", policy: "Policy", model: "Model", pack: "Knowledge" },
    place: (index: string, size: string) => `${index} of ${size}`,
  },
  faults: {
    insecure:
      "This page works over HTTPS or on this computer only: elsewhere the browser offers no way to check a receipt.",
    page: "This page could not be drawn, perhaps because a new version came. What you wrote is kept.",
    reload: "Load it again",
    start: "The tutor does not answer. Nothing of yours is lost.",
    network: "The tutor cannot be reached. Your question is kept: try again in a moment.",
    offline: "You are offline. Your question is kept: try again when the connection is back.",
    broken: "The answer broke off. What arrived is above; your question is kept.",
    ended:
      "Something of ours stopped working, so the answer ends here: we send only what we can check and record. " +
      "What arrived is above; your question is kept.",
    session: "Your key has expired. Sign in again; your conversations are still here.",
    unsent: "Your key had expired when you asked. Your question is kept.",
    terms: "The terms have changed. Accept them, then try again: your question is kept.",
    key: "This key does not count. Look for a missing letter, or ask for a new one.",
    limit: (seconds: number | null) =>
      seconds
        ? `You have reached your limit. Try again in ${seconds} s.`
        : "You have reached your limit. Try again later.",
    ours: (seconds: number | null) =>
      `Something of ours does not work, so nothing was sent: we answer only what we can check and record.${
        seconds ? ` Try again in ${seconds} s.` : ""
      }`,
    tooLong: "This conversation is too long for the model. Start a new one, or ask something shorter.",
    other: (message: string) => `The request was not accepted: ${message}`,
    storage:
      "This browser’s storage is full or closed: new messages last only until you close the page. " +
      "If it is full, deleting conversations makes room.",
  },
} as const;
