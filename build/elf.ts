/** Reads and changes the program headers of a 64-bit little-endian ELF file (System V ABI, chapter 5). */

/** Types of program headers. */
export const PT = { load: 1, note: 4 } as const;
/** Permissions of a segment. */
export const PF = { execute: 1, read: 4 } as const;

/** A program header: how a part of the file is mapped. */
export interface Segment {
	readonly type: number;
	readonly flags: number;
	/** Bytes from the start of the file. */
	readonly offset: number;
	readonly address: number;
	readonly fileSize: number;
	readonly memorySize: number;
}

/** Offsets in the file's header. */
const ENTRY = 24;
const TABLE = 32;
const COUNT = 56;
const SECTIONS = 40;
const SECTION_COUNT = 60;
/** The size of a program header, and of a section header. */
const HEADER = 56;
const SECTION = 64;

/** Types of the sections that only the dynamic linker reads: symbols, names, relocations, hash tables. */
const TABLE_SECTIONS = new Set([2, 3, 4, 5, 9, 11, 0x6ffffff6, 0x6ffffffd, 0x6ffffffe, 0x6fffffff]);

const number = (file: Buffer, at: number): number => Number(file.readBigUInt64LE(at));

/** The address at which the program starts. */
export const entryOf = (file: Buffer): number => number(file, ENTRY);

/** All segments, in the order of the table. */
export function segmentsOf(file: Buffer): readonly Segment[] {
	return Array.from({ length: file.readUInt16LE(COUNT) }, (_, index) => {
		const at = number(file, TABLE) + index * HEADER;
		return {
			type: file.readUInt32LE(at),
			flags: file.readUInt32LE(at + 4),
			offset: number(file, at + 8),
			address: number(file, at + 16),
			fileSize: number(file, at + 32),
			memorySize: number(file, at + 40),
		};
	});
}

/** Replaces a program header. */
export function setSegment(file: Buffer, index: number, segment: Segment, alignment: number): void {
	const at = number(file, TABLE) + index * HEADER;
	file.writeUInt32LE(segment.type, at);
	file.writeUInt32LE(segment.flags, at + 4);
	const { offset, address, fileSize, memorySize } = segment;
	for (const [field, value] of [offset, address, address, fileSize, memorySize, alignment].entries())
		file.writeBigUInt64LE(BigInt(value), at + 8 + field * 8);
}

/** Changes the address at which the program starts. */
export function setEntry(file: Buffer, address: number): void {
	file.writeBigUInt64LE(BigInt(address), ENTRY);
}

/** The end of the last section that only the dynamic linker reads, in bytes of the file. */
export function endOfTables(file: Buffer): number {
	let end = 0;
	for (let index = 0; index < file.readUInt16LE(SECTION_COUNT); index += 1) {
		const at = number(file, SECTIONS) + index * SECTION;
		const loaded = number(file, at + 16) !== 0;
		if (loaded && TABLE_SECTIONS.has(file.readUInt32LE(at + 4)))
			end = Math.max(end, number(file, at + 24) + number(file, at + 32));
	}
	return end;
}
