import { unhuffman } from './huffman.ts';

/** Names of the static table by index (RFC 7541, appendix A); there is none at 0. */
const NAMES = [
	'',
	':authority',
	':method',
	':method',
	':path',
	':path',
	':scheme',
	':scheme',
	':status',
	':status',
	':status',
	':status',
	':status',
	':status',
	':status',
	'accept-charset',
	'accept-encoding',
	'accept-language',
	'accept-ranges',
	'accept',
	'access-control-allow-origin',
	'age',
	'allow',
	'authorization',
	'cache-control',
	'content-disposition',
	'content-encoding',
	'content-language',
	'content-length',
	'content-location',
	'content-range',
	'content-type',
	'cookie',
	'date',
	'etag',
	'expect',
	'expires',
	'from',
	'host',
	'if-match',
	'if-modified-since',
	'if-none-match',
	'if-range',
	'if-unmodified-since',
	'last-modified',
	'link',
	'location',
	'max-forwards',
	'proxy-authenticate',
	'proxy-authorization',
	'range',
	'referer',
	'refresh',
	'retry-after',
	'server',
	'set-cookie',
	'strict-transport-security',
	'transfer-encoding',
	'user-agent',
	'vary',
	'via',
	'www-authenticate',
] as const;

/** Of the values that stand in that table only those of `:status` matter in an answer. */
const STATUS: Readonly<Record<number, string>> = {
	8: '200',
	9: '204',
	10: '206',
	11: '304',
	12: '400',
	13: '404',
	14: '500',
};

/** First bits of a field: never to be put into a table, by anybody on the way; or just not into ours. */
const LITERAL = { secret: 0x10, plain: 0x00 } as const;

/** Says that the encoder keeps a table of no bytes (RFC 7541, 6.3). */
export const NO_TABLE = Buffer.from([0x20]);

/** A number that begins in the last `bits` bits of a byte (RFC 7541, 5.1). */
function integer(value: number, bits: number, first: number): number[] {
	const most = 2 ** bits - 1;
	if (value < most) return [first | value];
	const bytes = [first | most];
	let rest = value - most;
	for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
	return [...bytes, rest];
}

function text(value: string): Buffer {
	const bytes = Buffer.from(value, 'latin1');
	return Buffer.concat([Buffer.from(integer(bytes.length, 7, 0)), bytes]);
}

/** Encodes fields as they are, without table or compression; `secret` are the names whose values are to be kept out of tables. */
export function encodeFields(
	fields: readonly (readonly [name: string, value: string])[],
	secret: ReadonlySet<string>,
): Buffer {
	return Buffer.concat(
		fields.flatMap(([name, value]) => [
			Buffer.from([secret.has(name) ? LITERAL.secret : LITERAL.plain]),
			text(name),
			text(value),
		]),
	);
}

/** Reads a block from its beginning. Anything that is not as it should be is thrown as a `RangeError`. */
class Reader {
	readonly #block: Buffer;
	#at = 0;

	constructor(block: Buffer) {
		this.#block = block;
	}

	get done(): boolean {
		return this.#at >= this.#block.length;
	}

	byte(): number {
		return this.#block.readUInt8(this.#at++);
	}

	integer(first: number, bits: number): number {
		const most = 2 ** bits - 1;
		let value = first & most;
		if (value < most) return value;
		for (let shift = 0; shift <= 21; shift += 7) {
			const byte = this.byte();
			value += (byte & 127) << shift;
			if (byte < 128) return value;
		}
		throw new RangeError('a number too large');
	}

	/** Gives a function that decodes, since most values are of no interest; text that is not coded as it says becomes none. */
	text(): () => string {
		const first = this.byte();
		const length = this.integer(first, 7);
		const bytes = this.#block.subarray(this.#at, this.#at + length);
		this.#at += length;
		if (bytes.length < length) throw new RangeError('text that is cut off');
		return first < 128 ? () => bytes.toString('latin1') : () => unhuffman(bytes) ?? '';
	}
}

/** We have said that we keep no table of our own. */
function nameAt(index: number): string {
	const name = NAMES[index];
	if (name === undefined || index === 0) throw new RangeError('an index beyond the static table');
	return name;
}

/** One field, its value yet to be decoded; undefined for what is none. */
function readField(reader: Reader): readonly [string, () => string] | undefined {
	const first = reader.byte();
	if (first >= 0x80) {
		const index = reader.integer(first, 7);
		return [nameAt(index), () => STATUS[index] ?? ''];
	}
	// A change of the size of the table that we do not keep.
	if ((first & 0xe0) === 0x20) return void reader.integer(first, 5);
	const index = reader.integer(first, (first & 0xc0) === 0x40 ? 6 : 4);
	const name = index === 0 ? reader.text()() : nameAt(index);
	return [name, reader.text()];
}

/** Reads a whole block; gives its fields by their names, each as a function that decodes it. Throws a `RangeError` when it is malformed. */
export function decodeFields(block: Buffer): ReadonlyMap<string, () => string> {
	const found = new Map<string, () => string>();
	const reader = new Reader(block);
	while (!reader.done) {
		const field = readField(reader);
		if (field !== undefined) found.set(...field);
	}
	return found;
}
