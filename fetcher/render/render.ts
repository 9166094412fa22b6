import { FORMAT_PATHS, type Format, NATIVE_ENV_PATH } from '../../contract/formats.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { renderDotenv } from './dotenv.ts';
import { renderFiles } from './files.ts';
import { renderJson } from './json.ts';
import { renderNative } from './native.ts';
import type { Misfit, Render, RenderEntry } from './rendering.ts';
import { renderShell } from './shell.ts';

/** A file or directory to write into the volume: the text of a file, or the files of a directory by name. */
export interface OutputFile {
	readonly path: string;
	readonly content: string | ReadonlyMap<string, string>;
}

/** A key that a format cannot hold. */
export interface FormatMisfit extends Misfit {
	readonly format: string;
}

const RENDERS: Readonly<Record<Format, Render<OutputFile['content']>>> = {
	shell: renderShell,
	dotenv: renderDotenv,
	json: renderJson,
	files: renderFiles,
};

/**
 * Renders every requested format, and the kubelet's file if there are `envKeys`. The error names every key
 * that one of the formats cannot hold.
 *
 * @param all all secrets, for the kubelet's file. `entries` has the secrets and names of the container.
 */
export function renderAll(
	entries: readonly RenderEntry[],
	formats: readonly Format[],
	envKeys: readonly string[],
	all: readonly RenderEntry[] = entries,
): Result<readonly OutputFile[], readonly FormatMisfit[]> {
	const outputs: OutputFile[] = [];
	const unfit: FormatMisfit[] = [];
	const add = (format: string, path: string, rendered: ReturnType<Render<OutputFile['content']>>): void => {
		if (rendered.ok) outputs.push({ path, content: rendered.value });
		else unfit.push(...rendered.error.map((misfit) => ({ ...misfit, format })));
	};
	for (const format of formats) add(format, FORMAT_PATHS[format], RENDERS[format](entries));
	if (envKeys.length > 0) {
		const native = all.filter(({ key }) => envKeys.includes(key));
		add('env', NATIVE_ENV_PATH, renderNative(native));
	}
	return unfit.length === 0 ? ok(outputs) : err(unfit);
}
