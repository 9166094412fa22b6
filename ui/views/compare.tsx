import { useState } from 'preact/hooks';
import { useLoad } from '../lib/load.ts';
import { promote } from '../lib/promoted.ts';
import { navigate, replaceQuery } from '../lib/router.ts';
import { Field } from '../parts/field.tsx';
import { useHref } from '../parts/link.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { compare, type EffectiveView, serviceChoices } from '../state/compare.ts';
import type { Deployment, Summary } from '../state/types.ts';
import { Differences } from './differences.tsx';

/** Compares the keys of two deployments. */
export function CompareView({ query }: { readonly query: URLSearchParams }) {
	const [here, there, service] = ['deployment', 'with', 'service'].map((name) => query.get(name) ?? '');
	const loaded = useLoad<readonly Deployment[]>('/api/deployments');
	return (
		<>
			<h1>Compare</h1>
			<Shown loaded={loaded} what="deployments">
				{(deployments) => (
					<form class="toolbar toolbar-top" onSubmit={(event) => event.preventDefault()}>
						<Pick label="Deployment" name="deployment" value={here ?? ''} deployments={deployments} />
						<Pick label="Compare with" name="with" value={there ?? ''} deployments={deployments} />
						<ServicePick {...{ here: here ?? '', there: there ?? '', service: service ?? '' }} />
					</form>
				)}
			</Shown>
			{here && there ? (
				here === there ? (
					<Empty title="Choose two different deployments" />
				) : (
					<Result key={`${here} ${there} ${service}`} {...{ here, there, service: service ?? '' }} />
				)
			) : (
				<Empty title="Choose two deployments">
					<p>You see which keys one of them lacks. Values are never compared.</p>
				</Empty>
			)}
		</>
	);
}

function Pick(props: {
	readonly label: string;
	readonly name: string;
	readonly value: string;
	readonly deployments: readonly Deployment[];
}) {
	return (
		<Field label={props.label}>
			<select
				value={props.value}
				onChange={(event) => replaceQuery({ [props.name]: event.currentTarget.value })}
			>
				<option value="">Choose …</option>
				{props.deployments.map(({ name }) => (
					<option key={name}>{name}</option>
				))}
			</select>
		</Field>
	);
}

/** Chooses a service of the two deployments. */
function ServicePick({ here, there, service }: { here: string; there: string; service: string }) {
	const path = (name: string) => (name ? `/api/deployments/${encodeURIComponent(name)}/summary` : undefined);
	const mine = useLoad<Summary>(path(here));
	const theirs = useLoad<Summary>(path(there));
	const sides = [
		{ deployment: here, loaded: mine.value },
		{ deployment: there, loaded: theirs.value },
	].flatMap(({ deployment, loaded }) =>
		loaded === undefined ? [] : [{ deployment, services: loaded.services }],
	);
	return (
		<Field label="Service">
			<select value={service} onChange={(event) => replaceQuery({ service: event.currentTarget.value })}>
				<option value="">None: what every service gets</option>
				{serviceChoices(service, sides).map((one) => (
					<option key={one.service} value={one.service}>
						{one.label}
					</option>
				))}
			</select>
		</Field>
	);
}

function Result({ here, there, service }: { here: string; there: string; service: string }) {
	const path = (name: string): string =>
		`/api/effective?${new URLSearchParams({ deployment: name, ...(service ? { service } : {}) })}`;
	const mine = useLoad<EffectiveView>(path(here));
	const theirs = useLoad<EffectiveView>(path(there));
	const url = useHref();
	const [onlyDifferent, setOnlyDifferent] = useState(true);
	const add = (to: string, keys: readonly string[]): void => {
		promote({ deployment: to, service, keys });
		void navigate(url(['deployments', to]));
	};
	return (
		<Shown loaded={mine} what={here}>
			{(left) => (
				<Shown loaded={theirs} what={there}>
					{(right) => (
						<Differences
							{...{ here, there, onlyDifferent, onAdd: add, onToggle: setOnlyDifferent }}
							all={compare(left, right)}
						/>
					)}
				</Shown>
			)}
		</Shown>
	);
}
