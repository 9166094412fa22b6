import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { err, ok, type Result } from '../contract/result.ts';

/** A file that appears under its name when it is complete. */
export interface OutputFile {
	write(text: string): Promise<void>;
	/** Gives the file its name. The error says why it cannot be written. */
	commit(): Promise<Result<void>>;
	/** Removes what was written. */
	discard(): Promise<void>;
}

/** Opens a file that only its owner can read. The error says why it cannot be written. */
export async function openOutputFile(name: string): Promise<Result<OutputFile>> {
	const temporary = `${name}.${randomBytes(4).toString('hex')}.partial`;
	let handle: FileHandle;
	try {
		handle = await open(temporary, 'wx', 0o600);
	} catch (thrown) {
		return err(`${name} cannot be written: ${codeOf(thrown)}`);
	}
	const discard = async (): Promise<void> => {
		await handle.close();
		await rm(temporary, { force: true });
	};
	return ok({
		write: async (text) => void (await handle.appendFile(text)),
		commit: async () => {
			try {
				await handle.sync();
				await handle.close();
				await rename(temporary, name);
				return ok(undefined);
			} catch (thrown) {
				await rm(temporary, { force: true });
				return err(`${name} cannot be written: ${codeOf(thrown)}`);
			}
		},
		discard,
	});
}

function codeOf(thrown: unknown): string {
	return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error';
}
