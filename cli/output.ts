import { Option } from '@commander-js/extra-typings';
import { printableJson } from '../lib/terminal.ts';

/** Output formats of lists and responses. */
export type Output = 'table' | 'json';

/** `--output table|json`. */
export function outputOption() {
	return new Option('-o, --output <form>', 'table for people, json for programs')
		.choices(['table', 'json'] as const)
		.default('table' as const);
}

/** A value as JSON with a line break at the end. */
export function json(value: unknown): string {
	return `${printableJson(JSON.stringify(value, undefined, 2))}\n`;
}
