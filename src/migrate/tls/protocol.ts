// The first lines of a TLS connection, as JSON: what it is for, and whether it may.

export type TlsOrder =
  /** Requests to an agent of its own; the answer has the session's token. */
  | { open: 'agent' }
  /** A connection to the socket for data of a session's agent. */
  | { open: 'data'; session: string }
  /** Each byte comes back: whether the way is still there. */
  | { open: 'alive'; session: string };

export interface TlsAnswer {
  /** 256 random bits, hex: whoever has them, and the certificate that it was given to, belongs to the session. */
  session?: string;
  /** Why not. */
  error?: string;
}

export const LONGEST_LINE = 1024;

/** How long either end may take for its first line, in milliseconds. */
export const FIRST_LINE_MS = 15_000;
