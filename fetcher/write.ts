import { lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { FORMAT_PATHS } from '../contract/formats.ts';
import { Failure } from './failure.ts';
import { makeDirectory, writeNew } from './new-file.ts';
import type { OutputFile } from './render/render.ts';
import { explainWrite } from './write-failure.ts';

/** Prefix of our working directories. The kubelet marks internal files with two dots. */
const WORKING = '..envtier-';

/** The working directory that the `files` link leads to, if there is one. */
function inUse(out: string): string | undefined {
	const link = join(out, FORMAT_PATHS.files);
	return lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(link) : undefined;
}

/** Removes what runs left that were killed, and what has been replaced. Never follows a link. */
function sweep(out: string): void {
	const kept = inUse(out);
	for (const name of readdirSync(out)) {
		if (name.startsWith(WORKING) && name !== kept) rmSync(join(out, name), { recursive: true, force: true });
	}
}

/** What stands at a path and can't be replaced by a rename is found out before anything is replaced. */
function checkDestination(out: string, { path, content }: OutputFile): void {
	const there = lstatSync(join(out, path), { throwIfNoEntry: false });
	if (there?.isDirectory())
		throw new Failure(
			'write-failed',
			`${join(out, path)} is a directory that Envtier did not create: remove it`,
		);
	if (typeof content !== 'string' && there !== undefined && !there.isSymbolicLink())
		throw new Failure('write-failed', `${join(out, path)} exists: Envtier creates a link with that name`);
}

/** Writes everything under names of our own; gives, for each output, what is to be renamed to its path. */
function prepare(out: string, id: string, outputs: readonly OutputFile[]): ReadonlyMap<string, string> {
	const made = new Map<string, string>();
	for (const { path, content } of outputs) {
		const name = `${WORKING}${id}-${path}`;
		made.set(path, name);
		if (typeof content === 'string') {
			writeNew(join(out, name), content);
			continue;
		}
		// A directory that has something in it can't be replaced in one step, but a link to one can.
		const directory = `${WORKING}${id}`;
		makeDirectory(join(out, directory));
		for (const [key, text] of content) writeNew(join(out, directory, key), text);
		symlinkSync(directory, join(out, name));
	}
	return made;
}

/**
 * Writes all outputs into the directory `out`, or none. A reader sees the old or the new file whole at any
 * time, also if this process is killed. Every step that can fail for lack of space or rights comes before the
 * first change. Synchronous on purpose: no signal handler runs between two steps.
 */
export function writeOutputs(out: string, outputs: readonly OutputFile[]): void {
	const bytes = outputs.reduce((sum, { content }) => sum + sizeOf(content), 0);
	// Containers give every run the same process id. The clock since the start of the machine never repeats.
	const id = `${process.pid}-${process.hrtime.bigint()}`;
	try {
		sweep(out);
		for (const output of outputs) checkDestination(out, output);
		try {
			for (const [path, made] of prepare(out, id, outputs)) renameSync(join(out, made), join(out, path));
		} catch (thrown) {
			sweep(out);
			throw thrown;
		}
		// The directory that was replaced; files are replaced without a trace.
		if (outputs.some(({ content }) => typeof content !== 'string')) sweep(out);
	} catch (thrown) {
		throw explainWrite(thrown, out, bytes);
	}
}

function sizeOf(content: OutputFile['content']): number {
	if (typeof content === 'string') return Buffer.byteLength(content);
	return [...content.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
