/**
 * Copies the pages of an executable that every fetch uses to its end, next to each other, and maps these
 * copies in place of the originals when the program starts (ADR 64). Linux maps 64 KiB around a page that a
 * program touches, and reads even more from the disk. In an executable of 106 MiB most of that is never used.
 */
import { endOfTables, entryOf, PF, PT, type Segment, segmentsOf, setEntry, setSegment } from './elf.ts';

/** Neighbouring pages of a file. */
export interface Pages {
	/** The number of the first page. */
	readonly first: number;
	readonly count: number;
}

/** The pages of one version of Bun that every fetch uses. */
export interface HotPages {
	/** SHA-256 of Bun's program in hexadecimal. */
	readonly bun: string;
	/** Sorted. */
	readonly pages: readonly Pages[];
}

/** Pages that are mapped somewhere else. */
export interface Move {
	readonly from: number;
	readonly bytes: number;
	readonly to: number;
}

/** The size of a page on x86-64. */
export const PAGE = 4096;

/**
 * Pages with fewer pages than this between them are moved together. Each move costs about 8 µs when the
 * program starts.
 */
const GAP = 32;

/** Parses `build/hot-pages-x64.txt`: a hash, then lines with ranges of pages in hexadecimal. */
export function parseHotPages(text: string): HotPages {
	const [bun = '', ...ranges] = text.replaceAll(/^#.*/gm, '').trim().split(/\s+/);
	return {
		bun,
		pages: ranges.map((range) => {
			const [first = 0, last = first] = range.split('-').map((page) => Number.parseInt(page, 16));
			return { first, count: last - first + 1 };
		}),
	};
}

/** The opposite of `parseHotPages`. */
export function hotPagesText({ bun, pages }: HotPages): string {
	const ranges = pages.map(({ first, count }) =>
		count === 1 ? first.toString(16) : `${first.toString(16)}-${(first + count - 1).toString(16)}`,
	);
	const lines: string[] = [];
	for (let at = 0; at < ranges.length; at += 8) lines.push(ranges.slice(at, at + 8).join(' '));
	return `# Written by dev/hot-pages/main.ts. SHA-256 of Bun's program, then pages of it.\n${bun}\n${lines.join('\n')}\n`;
}

/**
 * Joins pages that are close to each other. Drops pages that are not wholly in the segment, or before `start`
 * (bytes of the file).
 */
function rangesIn(segment: Segment, start: number, pages: readonly Pages[]): readonly Pages[] {
	const begin = Math.ceil(Math.max(segment.offset, start) / PAGE);
	const end = Math.floor((segment.offset + segment.fileSize) / PAGE);
	const ranges: { first: number; count: number }[] = [];
	for (const { first, count } of pages) {
		const from = Math.max(first, begin);
		const to = Math.min(first + count, end);
		if (from >= to) continue;
		const last = ranges.at(-1);
		if (last !== undefined && from - last.first - last.count < GAP) last.count = to - last.first;
		else ranges.push({ first: from, count: to - from });
	}
	return ranges;
}

const up = (value: number): number => Math.ceil(value / PAGE) * PAGE;
const down = (value: number): number => Math.floor(value / PAGE) * PAGE;

/** Packs an executable for Linux on x86-64. The original pages become zeros, which compress to nothing. */
export function packHotPages(executable: Buffer, pages: readonly Pages[]): Buffer {
	const segments = segmentsOf(executable);
	const loaded = segments.filter(({ type }) => type === PT.load);
	const constants = loaded.find(({ flags }) => flags === PF.read);
	const program = loaded.find(({ flags }) => flags === (PF.read | PF.execute));
	// The notes only identify the program to debuggers. Their place in the table is used for the new segment.
	const free = segments.findIndex(({ type }) => type === PT.note);
	if (constants === undefined || program === undefined || free === -1)
		throw new Error('the executable has other segments than Bun had: look at build/hot-pages.ts again');
	// The dynamic linker reads its tables, in front of the constants, before the program starts.
	const start = endOfTables(executable);
	const zeroed = Buffer.from(executable);
	const copies: Buffer[] = [];
	const moves: Move[] = [];
	const offset = up(executable.length);
	const address = up(Math.max(...loaded.map((one) => one.address + one.memorySize))) + 256 * PAGE;
	let next = address;
	for (const segment of [constants, program]) {
		for (const { first, count } of rangesIn(segment, start, pages)) {
			const bytes = count * PAGE;
			copies.push(executable.subarray(first * PAGE, first * PAGE + bytes));
			zeroed.fill(0, first * PAGE, first * PAGE + bytes);
			moves.push({ from: next, bytes, to: segment.address + first * PAGE - segment.offset });
			next += bytes;
		}
	}
	const readOnly = down(constants.address);
	const code = startCode({
		...{ address: next, moves, entry: entryOf(executable), readOnly },
		readOnlyBytes: up(constants.address + constants.memorySize) - readOnly,
	});
	const padding = Buffer.alloc(offset - executable.length);
	const packed = Buffer.concat([zeroed, padding, ...copies, code]);
	const size = packed.length - offset;
	const flags = PF.read | PF.execute;
	const segment = { type: PT.load, flags, offset, address, fileSize: size, memorySize: size };
	setSegment(packed, free, segment, PAGE);
	setEntry(packed, next);
	return packed;
}

/** The moves of a packed executable, or undefined if it is not packed. */
export function movesOf(executable: Buffer): readonly Move[] | undefined {
	const entry = entryOf(executable);
	const last = segmentsOf(executable)
		.filter(({ type }) => type === PT.load)
		.at(-1);
	if (last === undefined || entry < last.address || entry >= last.address + last.fileSize) return undefined;
	const at = entry - last.address + last.offset;
	const moves: Move[] = [];
	for (let row = at + START_BYTES; ; row += ROW_BYTES) {
		const [from = 0, bytes = 0, to = 0] = [0, 8, 16].map((field) =>
			Number(executable.readBigUInt64LE(row + field)),
		);
		if (from === 0) return moves;
		moves.push({ from, bytes, to });
	}
}

const ROW_BYTES = 24;
/** Size of the code below. The table of moves follows it. */
const START_BYTES = 176;

/**
 * Machine code for x86-64 that runs first. It moves the pages with mremap(2), takes the permission to execute
 * from the constants, and continues with the program. Pages that the kernel does not move are copied. If it
 * refuses that as well, the process ends with status 126.
 */
function startCode(parts: {
	readonly address: number;
	readonly moves: readonly Move[];
	readonly entry: number;
	readonly readOnly: number;
	readonly readOnlyBytes: number;
}): Buffer {
	const number = (value: number): Buffer => {
		const bytes = Buffer.alloc(8);
		bytes.writeBigUInt64LE(BigInt(value));
		return bytes;
	};
	const code = (hexadecimal: string): Buffer => Buffer.from(hexadecimal.replaceAll(' ', ''), 'hex');
	const start = Buffer.concat([
		code('52'), // push rdx: the dynamic linker's function for _start
		code('48 bb'),
		number(parts.address + START_BYTES), // mov rbx, table
		code('48 8b 3b'), // row: mov rdi, [rbx]
		code('48 85 ff 74 67'), // test rdi, rdi; je done
		code('48 8b 73 08 48 89 f2'), // mov rsi, [rbx + 8]; mov rdx, rsi
		code('41 ba 03 00 00 00'), // mov r10d, MREMAP_MAYMOVE | MREMAP_FIXED
		code('4c 8b 43 10'), // mov r8, [rbx + 16]
		code('b8 19 00 00 00 0f 05'), // mov eax, mremap; syscall
		code('4c 39 c0 74 38'), // cmp rax, r8; je next
		code('4c 89 c7 48 8b 73 08'), // mov rdi, r8; mov rsi, [rbx + 8]
		code('ba 03 00 00 00'), // mov edx, PROT_READ | PROT_WRITE
		code('b8 0a 00 00 00 0f 05'), // mov eax, mprotect; syscall
		code('85 c0 75 27'), // test eax, eax; jne fail
		code('48 8b 7b 10 48 8b 33'), // mov rdi, [rbx + 16]; mov rsi, [rbx]
		code('48 8b 4b 08 f3 a4'), // mov rcx, [rbx + 8]; rep movsb
		code('48 8b 7b 10 48 8b 73 08'), // mov rdi, [rbx + 16]; mov rsi, [rbx + 8]
		code('ba 05 00 00 00'), // mov edx, PROT_READ | PROT_EXEC
		code('b8 0a 00 00 00 0f 05'), // mov eax, mprotect; syscall
		code('48 83 c3 18 eb 9d'), // next: add rbx, ROW_BYTES; jmp row
		code('bf 7e 00 00 00'), // fail: mov edi, 126
		code('b8 e7 00 00 00 0f 05'), // mov eax, exit_group; syscall
		code('48 bf'),
		number(parts.readOnly), // done: mov rdi, constants
		code('48 be'),
		number(parts.readOnlyBytes), // mov rsi, size of the constants
		code('ba 01 00 00 00'), // mov edx, PROT_READ
		code('b8 0a 00 00 00 0f 05'), // mov eax, mprotect; syscall
		code('5a 48 b8'),
		number(parts.entry), // pop rdx; mov rax, start of the program
		code('ff e0'), // jmp rax
	]);
	const rows = [...parts.moves, { from: 0, bytes: 0, to: 0 }];
	const table = rows.flatMap(({ from, bytes, to }) => [number(from), number(bytes), number(to)]);
	return Buffer.concat([start, Buffer.alloc(START_BYTES - start.length), ...table]);
}
