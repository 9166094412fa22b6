/**
 * Loaded into a process before its program (`--import`): its clock is that of the machine and the
 * milliseconds in a file, so that a test need not wait for minutes.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';

const file = process.env['ENVTIER_TEST_CLOCK'] ?? '';
const RealDate = Date;
/** Time between two reads of the file, in ms. */
const KEPT = 20;
let read = 0;
let shift = 0;

function shifted(): number {
	const at = RealDate.now();
	if (at - read > KEPT) {
		read = at;
		shift = Number(readFileSync(file, 'utf8'));
	}
	return at + shift;
}

globalThis.Date = new Proxy(RealDate, {
	construct: (target, given, newTarget) =>
		Reflect.construct(target, given.length === 0 ? [shifted()] : given, newTarget) as object,
	get: (target, name, receiver) => (name === 'now' ? shifted : Reflect.get(target, name, receiver)),
});
