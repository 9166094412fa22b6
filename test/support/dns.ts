import { createSocket } from 'node:dgram';

/** What a name server says of every name: nothing, that it fails, that there is none, or an address. */
export type DnsWord = 'silent' | 'SERVFAIL' | 'NXDOMAIN' | { readonly a: string };

/** A name server of the test's own. */
export interface DnsServer extends AsyncDisposable {
	/** For `nameserver` in resolv.conf, which knows no ports. */
	readonly address: string;
	/** Questions for IPv4 addresses so far. */
	questions(): number;
}

const PORT = 53;
const TYPE_A = 1;
const CODES = { SERVFAIL: 2, NXDOMAIN: 3 } as const;

/** A name server on its own loopback address; needs root. `say` gets the number of the question, from 1. */
export async function startDns(say: (number: number) => DnsWord): Promise<DnsServer> {
	const socket = createSocket('udp4');
	let questions = 0;
	socket.on('message', (query, from) => {
		const type = query.readUInt16BE(endOfName(query));
		if (type === TYPE_A) questions += 1;
		const word = say(Math.max(1, questions));
		if (word !== 'silent') socket.send(answer(query, type, word), from.port, from.address);
	});
	const octet = (): number => 1 + Math.floor(Math.random() * 253);
	const address = `127.${octet()}.${octet()}.${octet()}`;
	await new Promise<void>((resolve, reject) => {
		socket.once('error', reject);
		socket.bind(PORT, address, resolve);
	});
	return {
		address,
		questions: () => questions,
		[Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
	};
}

/** Where the name in the (only) question ends (RFC 1035, 4.1.2). */
function endOfName(query: Buffer): number {
	let at = 12;
	while ((query[at] ?? 0) > 0) at += 1 + (query[at] ?? 0);
	return at + 1;
}

function answer(query: Buffer, type: number, word: Exclude<DnsWord, 'silent'>): Buffer {
	const question = query.subarray(12, endOfName(query) + 4);
	const header = Buffer.alloc(12);
	query.copy(header, 0, 0, 2);
	const code = typeof word === 'string' ? CODES[word] : 0;
	const found = typeof word === 'string' || type !== TYPE_A ? undefined : word.a;
	// An answer, recursion wanted and there.
	header.writeUInt16BE(0x8180 | code, 2);
	header.writeUInt16BE(1, 4);
	header.writeUInt16BE(found === undefined ? 0 : 1, 6);
	if (found === undefined) return Buffer.concat([header, question]);
	// The name of the question, type A, class IN, not to be kept, four bytes.
	const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...found.split('.').map(Number)]);
	return Buffer.concat([header, question, record]);
}
