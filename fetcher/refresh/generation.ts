import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Failure } from '../failure.ts';
import { makeDirectory, sizeOf, writeNew } from '../new-file.ts';
import type { OutputFile } from '../render/render.ts';
import { explainWrite } from '../write-failure.ts';

/** The link to the current generation. The kubelet uses the same name for ConfigMaps and Secrets. */
const CURRENT = '..data';

/** Prefix of the directory of a generation. */
const GENERATION = '..envtier-generation-';

/** The directory that the link leads to, if it is one of our generations. */
function currentOf(out: string): string | undefined {
	const link = join(out, CURRENT);
	if (!lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
	const target = readlinkSync(link);
	return target.startsWith(GENERATION) && !target.includes('/') ? target : undefined;
}

/** Removes all generations except those in `kept`. Never follows a link. */
function sweep(out: string, kept: readonly (string | undefined)[]): void {
	for (const name of readdirSync(out))
		if (name.startsWith(GENERATION) && !kept.includes(name))
			rmSync(join(out, name), { recursive: true, force: true });
}

/** Fails if this path of the volume is neither free nor a link. */
function checkDestination(out: string, { path }: OutputFile): void {
	const stat = lstatSync(join(out, path), { throwIfNoEntry: false });
	if (stat !== undefined && !stat.isSymbolicLink())
		throw new Failure('write-failed', `${join(out, path)} is in the way: Envtier makes a link of that name`);
}

function fill(directory: string, outputs: readonly OutputFile[]): void {
	makeDirectory(directory);
	for (const { path, content } of outputs) {
		if (typeof content === 'string') {
			writeNew(join(directory, path), content);
			continue;
		}
		makeDirectory(join(directory, path));
		for (const [key, text] of content) writeNew(join(directory, path, key), text);
	}
}

/** Replaces a link in one step. */
function link(out: string, name: string, target: string, id: string): void {
	const temporary = `${GENERATION}${id}-link`;
	symlinkSync(target, join(out, temporary));
	renameSync(join(out, temporary), join(out, name));
}

/**
 * Writes all outputs into `out` as one generation: fills a new directory, then replaces the link `..data` in
 * one step, as the kubelet does for ConfigMaps. A reader that opens files through one directory sees one
 * generation. The previous generation stays until the next write, for readers that still use its path. The
 * function is synchronous so that no signal handler runs between two steps.
 */
export function writeGeneration(out: string, outputs: readonly OutputFile[]): void {
	const bytes = sizeOf(outputs);
	// Every run in a container may have the same process ID. The monotonic clock never repeats.
	const id = `${process.pid}-${process.hrtime.bigint()}`;
	const name = `${GENERATION}${id}`;
	try {
		const previous = currentOf(out);
		sweep(out, [previous]);
		for (const output of outputs) checkDestination(out, output);
		try {
			fill(join(out, name), outputs);
			link(out, CURRENT, name, id);
		} catch (thrown) {
			sweep(out, [currentOf(out)]);
			throw thrown;
		}
		for (const { path } of outputs)
			if (lstatSync(join(out, path), { throwIfNoEntry: false }) === undefined)
				link(out, path, `${CURRENT}/${path}`, id);
	} catch (thrown) {
		throw explainWrite(thrown, out, bytes);
	}
}

/** Whether a volume has a generation of files. */
export function hasGeneration(out: string): boolean {
	const current = currentOf(out);
	return (
		current !== undefined && lstatSync(join(out, current), { throwIfNoEntry: false })?.isDirectory() === true
	);
}

/** True if the current generation consists of exactly these outputs, byte for byte. */
export function isCurrent(out: string, outputs: readonly OutputFile[]): boolean {
	const current = currentOf(out);
	if (current === undefined) return false;
	const directory = join(out, current);
	const paths = outputs.map(({ path }) => path).sort();
	if (!sameNames(directory, paths)) return false;
	return outputs.every(({ path, content }) => {
		if (typeof content === 'string') return sameFile(join(directory, path), content);
		return (
			sameNames(join(directory, path), [...content.keys()].sort()) &&
			[...content].every(([key, text]) => sameFile(join(directory, path, key), text))
		);
	});
}

function sameNames(directory: string, names: readonly string[]): boolean {
	const found = readdirSync(directory).sort();
	return found.length === names.length && found.every((name, i) => name === names[i]);
}

function sameFile(path: string, text: string): boolean {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	return stat?.isFile() === true && readFileSync(path, 'utf8') === text;
}
