import { FORMAT_PATHS, FORMATS, type Format, NATIVE_ENV_PATH } from '../../contract/formats.ts';
import { INJECTED } from '../../contract/names.ts';
import { blocks, code, table } from './markdown.ts';

const READ_BY: Readonly<Record<Format, string>> = {
	shell: '`. /secrets/env` in dash, bash, busybox sh, zsh and ksh',
	dotenv:
		'`node --env-file=/secrets/.env`, the `dotenv` package from 16 on; [other readers](consuming-secrets.md#a-env-file) with exceptions',
	json: 'any JSON parser: one object, keys to strings',
	files: 'programs that take a file name: one file for each key, with the value and nothing else',
};

/** The section about formats and their files. */
export function formatsSection(): string {
	return blocks(
		'## Formats',
		table(
			['format', 'written to', 'read by'],
			FORMATS.map((format) => [
				code(format),
				code(`${INJECTED.outDir}/${FORMAT_PATHS[format]}${format === 'files' ? '/{key}' : ''}`),
				READ_BY[format],
			]),
		),
		`Keys of ${code('envtier.dev/env')} are written to ${code(NATIVE_ENV_PATH)} in the same volume. The kubelet reads that file; containers do not see it.`,
		'Files have mode 0600, and their owner is the user that reads them. Keys are sorted, so the same secrets give the same bytes. [How it works](how-it-works.md#formats) says which values each format can hold.',
	);
}
