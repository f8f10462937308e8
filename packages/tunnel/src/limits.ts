// Every bound of a link, with its default, and the check that a configured one makes sense.
import { MESSAGE_TARGET_BYTES, OPEN_PREFIX_BYTES, HEADER_BYTES } from './constants.ts';
import { TunnelError } from './errors.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export interface LinkLimits {
  /** Longest DATA payload accepted; told to the peer in HELLO. */
  maxDataBytes: number;
  /** Longest metadata of OPEN and HEAD, longest INFO and longest skipped frame accepted; told to the peer. */
  maxMetaBytes: number;
  /** Longest message accepted. The WebSocket's own `maxPayload` should be the same. */
  maxMessageBytes: number;
  /** Window of a new stream while memory is plentiful. */
  initialWindowBytes: number;
  /** Smallest window; also what an opener may send before the first CREDIT, told to the peer. */
  minWindowBytes: number;
  /** Cap of a window that grows with the bandwidth-delay product. */
  maxWindowBytes: number;
  /** Sum of all windows and held metadata of one link. */
  linkBudgetBytes: number;
  /** Bytes queued in a stream from which write() returns false. */
  queueHighWaterBytes: number;
  /** Bytes queued in a stream from which write() throws. */
  queueMaxBytes: number;
  /** Bytes of OPEN frames that may wait for the transport. */
  openQueueBytes: number;
  /** Bytes in the transport's buffer from which bulk waits for its drain. */
  transportHighWaterBytes: number;
  /** Floor and cap of DATA bytes in flight. */
  minInFlightBytes: number;
  maxInFlightBytes: number;
  /** Queueing delay that bulk may cause on the path. */
  targetDelayMs: number;
  /** Streams a peer may open, and this side opens: sustained rate and burst. */
  openRatePerSecond: number;
  openBurst: number;
  /** PING frames accepted. */
  pingRatePerSecond: number;
  pingBurst: number;
  /** INFO frames accepted. */
  infoRatePerSecond: number;
  infoBurst: number;
  /** Frames without effect (empty DATA, CREDIT or RESET of closed streams, skipped types, ACK) accepted. */
  idleFrameRatePerSecond: number;
  idleFrameBurst: number;
  handshakeTimeoutMs: number;
  pingIntervalMs: number;
  pingTimeoutMs: number;
}

export const DEFAULT_LIMITS: Readonly<LinkLimits> = {
  maxDataBytes: MESSAGE_TARGET_BYTES - 2 * HEADER_BYTES,
  maxMetaBytes: 256 * KiB,
  maxMessageBytes: 1 * MiB,
  initialWindowBytes: 256 * KiB,
  minWindowBytes: 16 * KiB,
  maxWindowBytes: 8 * MiB,
  linkBudgetBytes: 128 * MiB,
  queueHighWaterBytes: 128 * KiB,
  queueMaxBytes: 4 * MiB,
  openQueueBytes: 4 * MiB,
  transportHighWaterBytes: 256 * KiB,
  minInFlightBytes: 64 * KiB,
  maxInFlightBytes: 16 * MiB,
  targetDelayMs: 10,
  openRatePerSecond: 20_000,
  openBurst: 20_000,
  pingRatePerSecond: 10,
  pingBurst: 50,
  infoRatePerSecond: 10,
  infoBurst: 50,
  idleFrameRatePerSecond: 20_000,
  idleFrameBurst: 40_000,
  handshakeTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  pingTimeoutMs: 15_000,
};

type Bounds = Readonly<Record<keyof LinkLimits, readonly [min: number, max: number]>>;

const BOUNDS: Bounds = {
  maxDataBytes: [256, 1 * MiB],
  maxMetaBytes: [1 * KiB, 4 * MiB],
  maxMessageBytes: [64 * KiB, 16 * MiB],
  initialWindowBytes: [4 * KiB, 64 * MiB],
  minWindowBytes: [4 * KiB, 1 * MiB],
  maxWindowBytes: [4 * KiB, 256 * MiB],
  linkBudgetBytes: [64 * KiB, 64 * 1024 * MiB],
  queueHighWaterBytes: [1 * KiB, 16 * MiB],
  queueMaxBytes: [1 * KiB, 64 * MiB],
  openQueueBytes: [64 * KiB, 256 * MiB],
  transportHighWaterBytes: [16 * KiB, 16 * MiB],
  minInFlightBytes: [48 * KiB, 16 * MiB],
  maxInFlightBytes: [64 * KiB, 1024 * MiB],
  targetDelayMs: [1, 1_000],
  openRatePerSecond: [1, 1_000_000],
  openBurst: [1, 1_000_000],
  pingRatePerSecond: [1, 10_000],
  pingBurst: [1, 10_000],
  infoRatePerSecond: [1, 10_000],
  infoBurst: [1, 10_000],
  idleFrameRatePerSecond: [100, 10_000_000],
  idleFrameBurst: [100, 10_000_000],
  handshakeTimeoutMs: [10, 300_000],
  pingIntervalMs: [10, 300_000],
  pingTimeoutMs: [20, 900_000],
};

/**
 * Completes `partial` with the defaults and checks each bound.
 * Throws TunnelError ERR_TUNNEL_LIMITS that names the limit.
 */
export function verifyLimits(partial: Partial<LinkLimits> = {}): LinkLimits {
  const limits: LinkLimits = { ...DEFAULT_LIMITS, ...partial };
  for (const key of Object.keys(BOUNDS) as (keyof LinkLimits)[]) {
    const [min, max] = BOUNDS[key];
    const value = limits[key];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new TunnelError(
        'ERR_TUNNEL_LIMITS',
        `${key} must be an integer from ${min} to ${max}, not ${value}`,
      );
    }
  }
  inOrder(limits, 'minWindowBytes', 'initialWindowBytes');
  inOrder(limits, 'initialWindowBytes', 'maxWindowBytes');
  inOrder(limits, 'minInFlightBytes', 'maxInFlightBytes');
  inOrder(limits, 'queueHighWaterBytes', 'queueMaxBytes');
  inOrder(limits, 'pingIntervalMs', 'pingTimeoutMs');
  const largest = Math.max(limits.maxMetaBytes + OPEN_PREFIX_BYTES, limits.maxDataBytes) + HEADER_BYTES;
  if (largest > limits.maxMessageBytes) {
    throw new TunnelError('ERR_TUNNEL_LIMITS', `maxMessageBytes must hold the largest frame (${largest})`);
  }
  return limits;
}

function inOrder(limits: LinkLimits, low: keyof LinkLimits, high: keyof LinkLimits): void {
  if (limits[low] > limits[high])
    throw new TunnelError('ERR_TUNNEL_LIMITS', `${low} must not exceed ${high}`);
}
