/** Errors of enrolment: a key or a message that is not what it must be. */

export type EnrolmentErrorCode = 'ERR_ENROLMENT_KEY' | 'ERR_ENROLMENT_MESSAGE';

export class EnrolmentError extends Error {
  readonly code: EnrolmentErrorCode;

  constructor(code: EnrolmentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnrolmentError';
    this.code = code;
  }
}
