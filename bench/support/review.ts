/**
 * A pod as an API server sends it: a typical web application with defaults, and with its ReplicaSet as owner.
 */
export function typicalPod(annotations: Readonly<Record<string, string>>): unknown {
	const probe = (path: string) => ({
		httpGet: { path, port: 8080, scheme: 'HTTP' },
		timeoutSeconds: 1,
		periodSeconds: 10,
		successThreshold: 1,
		failureThreshold: 3,
	});
	return {
		kind: 'Pod',
		apiVersion: 'v1',
		metadata: {
			generateName: 'web-7c9d6f5b84-',
			namespace: 'shop',
			labels: { app: 'web', 'pod-template-hash': '7c9d6f5b84', 'app.kubernetes.io/part-of': 'shop' },
			annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080', ...annotations },
			ownerReferences: [
				{
					apiVersion: 'apps/v1',
					kind: 'ReplicaSet',
					name: 'web-7c9d6f5b84',
					uid: '0b7d9fd4-3b0c-4f55-9d0c-6f0f5c1d2e3f',
					controller: true,
					blockOwnerDeletion: true,
				},
			],
			managedFields: [
				{
					manager: 'kube-controller-manager',
					operation: 'Update',
					apiVersion: 'v1',
					fieldsType: 'FieldsV1',
					fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } } },
				},
			],
		},
		spec: {
			volumes: [
				{ name: 'config', configMap: { name: 'web', defaultMode: 420 } },
				{
					name: 'kube-api-access-x7x2q',
					projected: {
						sources: [
							{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
							{ configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
						],
						defaultMode: 420,
					},
				},
			],
			containers: [
				{
					name: 'web',
					image: 'registry.example/shop/web:1.42.0',
					command: ['/entrypoint.sh'],
					ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
					env: Array.from({ length: 12 }, (_, i) => ({ name: `FEATURE_${i}`, value: `on-${i}` })),
					resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
					volumeMounts: [
						{ name: 'config', mountPath: '/etc/web' },
						{
							name: 'kube-api-access-x7x2q',
							readOnly: true,
							mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
						},
					],
					livenessProbe: probe('/healthz'),
					readinessProbe: probe('/readyz'),
					terminationMessagePath: '/dev/termination-log',
					terminationMessagePolicy: 'File',
					imagePullPolicy: 'IfNotPresent',
					securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
				},
			],
			restartPolicy: 'Always',
			terminationGracePeriodSeconds: 30,
			dnsPolicy: 'ClusterFirst',
			serviceAccountName: 'web',
			serviceAccount: 'web',
			securityContext: {},
			schedulerName: 'default-scheduler',
			tolerations: [
				{
					key: 'node.kubernetes.io/not-ready',
					operator: 'Exists',
					effect: 'NoExecute',
					tolerationSeconds: 300,
				},
			],
			priority: 0,
			enableServiceLinks: true,
			preemptionPolicy: 'PreemptLowerPriority',
		},
		status: {},
	};
}

/** The AdmissionReview that creates `pod`, as text. */
export function reviewOf(pod: unknown): string {
	return JSON.stringify({
		kind: 'AdmissionReview',
		apiVersion: 'admission.k8s.io/v1',
		request: {
			uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
			kind: { group: '', version: 'v1', kind: 'Pod' },
			resource: { group: '', version: 'v1', resource: 'pods' },
			namespace: 'shop',
			operation: 'CREATE',
			userInfo: {
				username: 'system:serviceaccount:kube-system:replicaset-controller',
				uid: '9f6e',
				groups: ['system:serviceaccounts', 'system:authenticated'],
			},
			object: pod,
			oldObject: null,
			dryRun: false,
			options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
		},
	});
}

/** The annotations of a pod that asks for secrets. */
export const ASKING = {
	'envtier.dev/deployment': 'shop',
	'envtier.dev/service': 'web',
	'envtier.dev/require': 'DATABASE_URL',
};
