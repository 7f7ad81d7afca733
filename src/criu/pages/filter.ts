// Stands between a CRIU that dumps and the page server: what the other side has already is not sent again.
import type { ByteChannel } from './channel.js';
import { type Digest, makeDigest, type PageDigests } from './digests.js';
import { Pass } from './pass.js';
import type { PageRound, RoundOptions } from './types.js';

/**
 * Passes rounds of pages on to page servers, and remembers what it has sent.
 *
 * Invariant: a page goes as "in the parent" only if the parent images list it, that is, if it was listed in the
 * round before, and its content is what was last sent.
 */
export class PageFilter {
  readonly #sent = new Map<bigint, PageDigests>();
  #digest?: Digest;

  /**
   * One round, from CRIU's first command to its last.
   *
   * @param criu the socket that CRIU takes for its page server
   * @param server the page server
   * @throws PageStreamError when either side hangs up in the middle
   */
  async round(criu: ByteChannel, server: ByteChannel, options: RoundOptions): Promise<PageRound> {
    this.#digest ??= await makeDigest();
    const pass = new Pass(criu, server, this.#sent, this.#digest, options);
    try {
      await pass.run();
    } finally {
      await pass.close();
    }
    return pass.sums;
  }
}
