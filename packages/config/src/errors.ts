// The errors of configuration: one class, one line for each wrong key.

export type ConfigErrorCode =
  | 'ERR_CONFIG_FILE_UNREADABLE'
  | 'ERR_CONFIG_YAML'
  | 'ERR_CONFIG_INVALID'
  | 'ERR_CONFIG_DURATION'
  | 'ERR_CONFIG_SIZE';

/** One wrong key. `key` is dotted (`listen.port`, `issuers[0].name`); `problem` reads on after `key: `. */
export interface ConfigProblem {
  key: string;
  problem: string;
}

/** What is wrong with the configuration; `message` has one line `key: what is wrong, what is expected` a problem. */
export class ConfigError extends Error {
  readonly code: ConfigErrorCode;
  readonly problems: readonly ConfigProblem[];

  constructor(code: ConfigErrorCode, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(({ key, problem }) => `${key}: ${problem}`).join('\n'), options);
    this.name = 'ConfigError';
    this.code = code;
    this.problems = problems;
  }
}
