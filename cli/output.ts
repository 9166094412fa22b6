import { Option } from '@commander-js/extra-typings';
import { printableJson } from '../lib/terminal.ts';

/** How lists and answers are shown. */
export type Output = 'table' | 'json';

/** `--output table|json`. */
export function outputOption() {
	return new Option('-o, --output <form>', 'table for people, json for programs')
		.choices(['table', 'json'] as const)
		.default('table' as const);
}

/** A value as JSON that ends its line. */
export function json(value: unknown): string {
	return `${printableJson(JSON.stringify(value, undefined, 2))}\n`;
}
