import { err, ok } from '../../contract/result.ts';
import { oneOf, type Parse } from '../../contract/values.ts';

/** Accepts any text. */
export const anyText: Parse<string> = (text) => ok(text);

/** Accepts "true" or "false". */
export const flag: Parse<boolean> = (text) => {
	const parsed = oneOf('true', 'false')(text);
	return parsed.ok ? ok(parsed.value === 'true') : parsed;
};

/** Accepts text without blanks; `rule` completes the sentence "NAME must be …". */
export const word =
	(rule: string): Parse<string> =>
	(text) =>
		/^\S+$/.test(text) ? ok(text) : err(rule);

/** Accepts a log level of pino. */
export const parseLogLevel = oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent');

/** Accepts a host and a port to listen on. An IPv6 host is in brackets. No host means all addresses. */
export const listenAddress =
	(example: string): Parse<{ readonly host: string; readonly port: number }> =>
	(text) => {
		const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
		const port = Number(match?.[3] ?? Number.NaN);
		if (match === null || port > 65_535) return err(`host:port, such as ${example}`);
		return ok({ host: match[1] ?? match[2] ?? '', port });
	};
