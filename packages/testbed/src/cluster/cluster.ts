// A running control plane: where it is, its processes, its end.
import { join } from 'node:path';
import type { Testbed } from './build.ts';
import { Component } from './component.ts';
import { ClusterError } from './errors.ts';
import {
  apiServerFlags,
  auditLog,
  controllerManagerFlags,
  etcdFlags,
  nodeFlags,
  serverUrl,
  type Plan,
} from './flags.ts';
import type { Answer, Probe } from './probe.ts';

const readyMs = 120_000;

/** Process ids of a cluster's parts; 0 for one that does not run. */
export interface ClusterPids {
  readonly etcd: number;
  readonly apiServer: number;
  readonly controllerManager: number;
  readonly node: number;
}

type Part = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'node';

/** A real Kubernetes cluster of one node whose pods are local processes. */
export class RealCluster implements AsyncDisposable {
  /** The API server's URL. */
  readonly url: string;
  /** The CA of the API server's certificate, as a PEM file. */
  readonly caFile: string;
  /** A kubeconfig file of a cluster-admin (`system:masters`), straight to the API server. */
  readonly kubeconfig: string;
  /** The API server's audit log: one event in JSON a line, level Metadata. */
  readonly auditLog: string;
  /** The directory of all files, logs among them. */
  readonly dir: string;
  /** The binaries that the cluster runs. */
  readonly testbed: Testbed;
  readonly #plan: Plan;
  readonly #probe: Probe;
  readonly #log: (line: string) => void;
  readonly #parts = new Map<Part, Component>();
  #stopped: Promise<void> | undefined;

  constructor(plan: Plan, testbed: Testbed, probe: Probe, log: (line: string) => void) {
    this.#plan = plan;
    this.#probe = probe;
    this.#log = log;
    this.testbed = testbed;
    this.dir = plan.dir;
    this.url = serverUrl(plan);
    this.caFile = join(plan.pki, 'ca.crt');
    this.kubeconfig = join(plan.dir, 'direct.kubeconfig');
    this.auditLog = auditLog(plan);
  }

  get pids(): ClusterPids {
    const pid = (part: Part) =>
      this.#parts.get(part)?.isRunning === true ? (this.#parts.get(part)?.pid ?? 0) : 0;
    return {
      etcd: pid('etcd'),
      apiServer: pid('kube-apiserver'),
      controllerManager: pid('kube-controller-manager'),
      node: pid('node'),
    };
  }

  /** Starts all parts; called once, by `startCluster`. */
  async start(): Promise<void> {
    const started = Date.now();
    this.#log('starting etcd, kube-apiserver, kube-controller-manager and a node');
    this.#run('etcd', etcdFlags(this.#plan));
    this.#run('kube-apiserver', apiServerFlags(this.#plan));
    await this.#until('/readyz', isOk, ['etcd', 'kube-apiserver']);
    this.#run('kube-controller-manager', controllerManagerFlags(this.#plan));
    this.#run('node', nodeFlags(this.#plan));
    const parts: Part[] = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'node'];
    await this.#until(`/api/v1/nodes/${this.#plan.nodeName}`, isOk, parts);
    await this.#until('/api/v1/namespaces/default/serviceaccounts/default', isOk, parts);
    this.#log(
      `the control plane is ready at ${this.url} after ${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
  }

  /** Stops the API server by a signal and starts it again on the same port; resolves when it is ready. */
  async restartApiServer(options: { readonly signal?: NodeJS.Signals } = {}): Promise<void> {
    await this.#restart('kube-apiserver', options.signal ?? 'SIGTERM', apiServerFlags(this.#plan));
    await this.#until('/readyz', isOk, ['kube-apiserver']);
  }

  /** Stops all parts and the processes of all pods. Can be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#parts.get('node')?.stop();
    // Nothing is kept, so nothing needs an orderly end.
    await Promise.all([...this.#parts.values()].map((part) => part.stop('SIGKILL')));
  }

  #run(part: Part, args: readonly string[]): void {
    const logFile = join(this.dir, `${part}.log`);
    const onEnd = (component: Component) => {
      void component.describeEnd().then((error) => this.#log(error.message));
    };
    this.#parts.set(part, new Component({ name: part, binary: this.testbed.testbed, args, logFile }, onEnd));
  }

  async #restart(part: Part, signal: NodeJS.Signals, args: readonly string[]): Promise<void> {
    if (this.#stopped !== undefined) throw new ClusterError('ERR_TESTBED_STOPPED', 'the cluster is stopped');
    await this.#parts.get(part)?.stop(signal);
    this.#run(part, args);
  }

  async #until(path: string, wanted: (answer: Answer) => boolean, parts: readonly Part[]): Promise<void> {
    const abort = new AbortController();
    try {
      const failures = parts.flatMap((part) => this.#parts.get(part)?.failure() ?? []);
      await Promise.race([this.#probe.until(path, wanted, readyMs, abort.signal), ...failures]);
    } finally {
      abort.abort();
    }
  }
}

const isOk = (answer: Answer): boolean => answer.status === 200;
