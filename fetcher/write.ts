import { lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { FORMAT_PATHS } from '../contract/formats.ts';
import { Failure } from './failure.ts';
import { makeDirectory, sizeOf, writeNew } from './new-file.ts';
import type { OutputFile } from './render/render.ts';
import { explainWrite } from './write-failure.ts';

/**
 * Prefix of our temporary files and directories. Names with two dots are internal, as in the kubelet's
 * volumes.
 */
const WORKING = '..envtier-';

/** The directory that the `files` link leads to, if there is one. */
function inUse(out: string): string | undefined {
	const link = join(out, FORMAT_PATHS.files);
	return lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(link) : undefined;
}

/** Removes files of killed runs, and replaced directories. Never follows a link. */
function sweep(out: string): void {
	const kept = inUse(out);
	for (const name of readdirSync(out)) {
		if (name.startsWith(WORKING) && name !== kept) rmSync(join(out, name), { recursive: true, force: true });
	}
}

/** Fails if a rename cannot replace the file at this path. Runs before the first change. */
function checkDestination(out: string, { path, content }: OutputFile): void {
	const stat = lstatSync(join(out, path), { throwIfNoEntry: false });
	if (stat?.isDirectory())
		throw new Failure(
			'write-failed',
			`${join(out, path)} is a directory that Envtier did not create: remove it`,
		);
	if (typeof content !== 'string' && stat !== undefined && !stat.isSymbolicLink())
		throw new Failure('write-failed', `${join(out, path)} exists: Envtier creates a link with that name`);
}

/** Writes all outputs under temporary names. Returns the temporary name of each output by its path. */
function prepare(out: string, id: string, outputs: readonly OutputFile[]): ReadonlyMap<string, string> {
	const temporaryNames = new Map<string, string>();
	for (const { path, content } of outputs) {
		const name = `${WORKING}${id}-${path}`;
		temporaryNames.set(path, name);
		if (typeof content === 'string') {
			writeNew(join(out, name), content);
			continue;
		}
		// A rename cannot replace a directory with files in it, but it can replace a link to one.
		const directory = `${WORKING}${id}`;
		makeDirectory(join(out, directory));
		for (const [key, text] of content) writeNew(join(out, directory, key), text);
		symlinkSync(directory, join(out, name));
	}
	return temporaryNames;
}

/**
 * Writes all outputs into the directory `out`, or none. At any time a reader sees a complete file, old or
 * new, even if this process is killed. All steps that can fail for lack of space or rights come before the
 * first change. The function is synchronous so that no signal handler runs between two steps.
 */
export function writeOutputs(out: string, outputs: readonly OutputFile[]): void {
	const bytes = sizeOf(outputs);
	// Every run in a container may have the same process ID. The monotonic clock never repeats.
	const id = `${process.pid}-${process.hrtime.bigint()}`;
	try {
		sweep(out);
		for (const output of outputs) checkDestination(out, output);
		try {
			for (const [path, name] of prepare(out, id, outputs)) renameSync(join(out, name), join(out, path));
		} catch (thrown) {
			sweep(out);
			throw thrown;
		}
		// Removes the previous `files` directory. A rename leaves nothing else behind.
		if (outputs.some(({ content }) => typeof content !== 'string')) sweep(out);
	} catch (thrown) {
		throw explainWrite(thrown, out, bytes);
	}
}
