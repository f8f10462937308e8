/** Errors of the registry: each says what an operator can do. */

export type DirectoryErrorCode =
  | 'ERR_DIRECTORY_CLUSTER_EXISTS'
  | 'ERR_DIRECTORY_CLUSTER_NAME'
  | 'ERR_DIRECTORY_CLUSTER_UNKNOWN'
  | 'ERR_DIRECTORY_CORRUPT'
  | 'ERR_DIRECTORY_KEY_TAKEN'
  | 'ERR_DIRECTORY_STORAGE'
  | 'ERR_DIRECTORY_TOKEN_EXPIRED'
  | 'ERR_DIRECTORY_TOKEN_UNKNOWN'
  | 'ERR_DIRECTORY_TOKEN_USED';

export class DirectoryError extends Error {
  readonly code: DirectoryErrorCode;

  constructor(code: DirectoryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DirectoryError';
    this.code = code;
  }
}
