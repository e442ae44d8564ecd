/** The monitor's rules in plain words: a name, and what its value means (docs/monitoring.md). */

interface Rule {
  name: string;
  says: (value: string) => string;
}

export const rules: Record<string, Rule> = {
  high_risk: {
    name: "Refused in a category of high risk",
    says: (value) => `The guard refused it with a score of ${value}.`,
  },
  forbidden_output: {
    name: "The model began an answer that the guard stopped",
    says: (value) => `The guard cut it off with a score of ${value}. What came before was shown.`,
  },
  probing_slow: {
    name: "One person probes over days",
    says: (value) => `They were turned away in ${value} different hours of the last 30 days.`,
  },
  probing_fast: {
    name: "One person probes within an hour",
    says: (value) => `They were turned away ${value} times within an hour.`,
  },
  probing_tenant: {
    name: "Many refusals in one tenant",
    says: (value) => `${value} refusals in a day, of three people at least.`,
  },
  appeals_burst: {
    name: "Many appeals at once",
    says: (value) => `${value} people of one tenant appealed within an hour. The guard may be wrong about something.`,
  },
  guard_errors: {
    name: "A guard could not judge",
    says: (value) => `${value} requests of ten minutes had no verdict, so they were not answered.`,
  },
  canary_refusals: {
    name: "A guard on trial refuses otherwise",
    says: (value) => `Its share of refusals lies ${value} standard errors from that of the guard in force.`,
  },
  unlogged_answer: {
    name: "An answer without its records",
    says: () => "Text was sent whose question or parts the log does not hold. This must never happen.",
  },
  stale_checkpoint: {
    name: "A log’s head is old",
    says: (value) => `Its newest signature was ${value} minutes old.`,
  },
  unsigned_policy: {
    name: "Questions under an unsigned policy",
    says: (value) => `${value} questions were judged by rules that nobody has signed off.`,
  },
  unpromoted_model: {
    name: "Questions to a model that was never promoted",
    says: (value) => `${value} questions went to a model that no promotion names.`,
  },
  score_drift: {
    name: "The guard’s scores have shifted",
    says: (value) => `The population stability index is ${value}; 0.1 asks for a look, 0.25 for action.`,
  },
  action_drift: {
    name: "The mix of decisions has shifted",
    says: (value) => `The population stability index is ${value}; 0.1 asks for a look, 0.25 for action.`,
  },
  embedding_shift: {
    name: "People ask about other things",
    says: (value) => `The angle to earlier questions is ${value}; chance alone makes up to 0.04.`,
  },
  model_refused: {
    name: "A promoted model could not be loaded",
    says: () => "It does not serve. The log of the server says why.",
  },
};
