/** The samples of a text in Prometheus' format: name with labels, as written, to value. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
	const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
	return new Map(
		lines.map((line) => {
			const at = line.lastIndexOf(' ');
			return [line.slice(0, at), Number(line.slice(at + 1))];
		}),
	);
}

/** The names of the samples, without labels. */
export function metricNames(text: string): ReadonlySet<string> {
	return new Set([...samplesOf(text).keys()].map((series) => series.replace(/\{.*$/s, '')));
}
