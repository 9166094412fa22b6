const UNITS = [
	['year', 31_536_000],
	['month', 2_592_000],
	['day', 86_400],
	['hour', 3_600],
	['minute', 60],
] as const;

/** A time from now, such as "3 days ago" or "in 2 hours". Empty for no time. */
export function ago(time: string, now: number): string {
	const seconds = (Date.parse(time) - now) / 1000;
	if (Number.isNaN(seconds)) return '';
	const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
	if (unit === undefined) return seconds > 0 ? 'in a moment' : 'just now';
	const count = Math.round(seconds / unit[1]);
	return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(count, unit[0]);
}

/** The same time in full, for the hover. */
export function exactly(time: string): string {
	const at = new Date(time);
	return Number.isNaN(at.getTime()) ? '' : at.toLocaleString('en-GB', { timeZoneName: 'short' });
}

/** A subject as people read it: without the prefix of a person. */
export function person(subject: string): string {
	return subject.replace(/^user:/, '');
}

/** How a person is named who is signed in. */
export function nameOf({ email, subject }: { readonly email?: string; readonly subject: string }): string {
	return email ?? person(subject);
}
