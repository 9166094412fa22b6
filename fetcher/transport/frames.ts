/** Types of HTTP/2's frames (RFC 9113, 6). */
export const FRAME = {
	data: 0,
	headers: 1,
	rstStream: 3,
	settings: 4,
	pushPromise: 5,
	ping: 6,
	goaway: 7,
	windowUpdate: 8,
	continuation: 9,
} as const;

/** Their flags. `ack` and `endStream` are the same bit on different types. */
export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** No frame is longer than everybody must take (RFC 9113, 4.2); we ask for no more. */
export const LONGEST_FRAME = 16_384;

const HEAD = 9;

/** One frame. */
export interface Frame {
	readonly type: number;
	readonly flags: number;
	/** 0: the connection itself. */
	readonly stream: number;
	readonly payload: Buffer;
}

/** A frame as it goes onto the wire. */
export function encodeFrame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
	const frame = Buffer.allocUnsafe(HEAD + payload.length);
	frame.writeUIntBE(payload.length, 0, 3);
	frame[3] = type;
	frame[4] = flags;
	frame.writeUInt32BE(stream, 5);
	payload.copy(frame, HEAD);
	return frame;
}

/** A payload of one number. */
export function uint32(value: number): Buffer {
	const bytes = Buffer.allocUnsafe(4);
	bytes.writeUInt32BE(value);
	return bytes;
}

/** A payload of settings (RFC 9113, 6.5.1). */
export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
	const bytes = Buffer.alloc(settings.length * 6);
	for (const [i, [id, value]] of settings.entries()) {
		bytes.writeUInt16BE(id, i * 6);
		bytes.writeUInt32BE(value, i * 6 + 2);
	}
	return bytes;
}

/** Takes bytes as they come and gives the frames that are whole. Throws a `RangeError` at one that is too long. */
export function makeFrameReader(): (chunk: Buffer) => readonly Frame[] {
	let rest: Buffer = Buffer.alloc(0);
	return (chunk) => {
		const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		const frames: Frame[] = [];
		let at = 0;
		while (bytes.length - at >= HEAD) {
			const length = bytes.readUIntBE(at, 3);
			if (length > LONGEST_FRAME) throw new RangeError('a frame that is too long');
			if (bytes.length - at < HEAD + length) break;
			frames.push({
				type: bytes.readUInt8(at + 3),
				flags: bytes.readUInt8(at + 4),
				stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
				payload: bytes.subarray(at + HEAD, at + HEAD + length),
			});
			at += HEAD + length;
		}
		rest = bytes.subarray(at);
		return frames;
	};
}

/** The payload without padding (RFC 9113, 6.1) and, of headers, without priority. */
export function contentOf({ type, flags, payload }: Frame): Buffer {
	const padded = (flags & FLAG.padded) !== 0;
	const padding = padded ? payload.readUInt8(0) : 0;
	const from = (padded ? 1 : 0) + (type === FRAME.headers && (flags & FLAG.priority) !== 0 ? 5 : 0);
	if (from + padding > payload.length) throw new RangeError('more padding than frame');
	return payload.subarray(from, payload.length - padding);
}
