/**
 * How many bits each byte takes in HPACK (RFC 7541, appendix B): "a" is 5. The code is canonical, so that lengths are all there is to
 * know: codes of one length count upwards in the order of the bytes, and those of the next length go on from there.
 */
const LENGTHS =
	'isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijb' +
	'kabababbbaccbbbabcbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsv' +
	'vporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv';

const SHORTEST = 5;
const LONGEST = 30;

/** Codes of one length. */
interface Rank {
	/** The first of them. */
	readonly first: number;
	/** What they stand for, in order. */
	readonly bytes: readonly number[];
}

function ranks(): readonly Rank[] {
	const lengths = [...LENGTHS].map((letter) => letter.charCodeAt(0) - 'a'.charCodeAt(0) + SHORTEST);
	let next = 0;
	return Array.from({ length: LONGEST + 1 }, (_, length) => {
		const bytes = lengths.flatMap((one, byte) => (one === length ? [byte] : []));
		const first = next;
		next = (next + bytes.length) * 2;
		return { first, bytes };
	});
}

/** Decodes HPACK's Huffman code; undefined when it is none. */
export function unhuffman(coded: Buffer): string | undefined {
	const table = ranks();
	const bytes: number[] = [];
	let code = 0;
	let length = 0;
	for (let bit = 0; bit < coded.length * 8; bit++) {
		code = code * 2 + (((coded[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
		length += 1;
		const { first, bytes: ofLength } = table[length] ?? { first: 0, bytes: [] };
		const byte = ofLength[code - first];
		if (byte !== undefined) {
			bytes.push(byte);
			code = 0;
			length = 0;
		} else if (length === LONGEST) return undefined;
	}
	// The rest of the last byte is ones.
	return length < 8 && code === 2 ** length - 1 ? Buffer.from(bytes).toString('latin1') : undefined;
}
