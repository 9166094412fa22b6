/** Their packages hide their types from modules. */
declare module 'dotenv8' {
	export function parse(text: string): Record<string, string>;
}
declare module 'dotenv10' {
	export function parse(text: string): Record<string, string>;
}
