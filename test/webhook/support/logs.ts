import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';

/** A logger at its most talkative, and what it wrote. */
export interface Logs {
	readonly log: Logger;
	text(): string;
	/** Lines with this message. */
	with(message: string): readonly Readonly<Record<string, unknown>>[];
}

/** Collects what is logged. */
export function collectLogs(): Logs {
	const chunks: string[] = [];
	const stream = new Writable({
		write(chunk, _encoding, done) {
			chunks.push(String(chunk));
			done();
		},
	});
	const text = (): string => chunks.join('');
	return {
		log: pino({ level: 'trace', name: 'envtier-webhook' }, stream),
		text,
		with: (message) =>
			text()
				.split('\n')
				.filter((line) => line !== '')
				.map((line) => JSON.parse(line))
				.filter(({ msg }) => msg === message),
	};
}
