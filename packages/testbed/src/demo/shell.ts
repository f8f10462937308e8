/** Commands as people type them: shown, run by a real shell, and what they print is what is shown. */

import { spawn } from 'node:child_process';

export interface Ran {
  stdout: string;
  stderr: string;
  code: number;
}

export interface Terminal {
  /** Directory in which commands run. */
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** Longest a command of the walk may take. */
const TIMEOUT_MS = 60_000;

/** Runs one command line; `watch` sees stderr as it comes (for a code to be entered elsewhere). */
export async function run(
  terminal: Terminal,
  command: string,
  watch?: (stderr: string) => void,
): Promise<Ran> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: terminal.cwd,
    env: { ...process.env, ...terminal.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  const print = printer();
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    print(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
    print(chunk);
    watch?.(stderr);
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? (signal ? 128 : 1)));
  });
  return { stdout, stderr, code };
}

/** A command that goes on in the background until `interrupt`. */
export function start(
  terminal: Terminal,
  command: string,
): { said(text: string): Promise<void>; interrupt(): Promise<number> } {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
    cwd: terminal.cwd,
    env: { ...process.env, ...terminal.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const print = printer();
  let output = '';
  const waiting: { text: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  const take = (chunk: Buffer): void => {
    output += chunk;
    print(chunk);
    for (const { text, resolve } of waiting) if (output.includes(text)) resolve();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const exited = new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  void exited.then((code) => {
    for (const { reject } of waiting) reject(new Error(`'${command}' ended with code ${code}: ${output}`));
  });
  return {
    said: (text) =>
      new Promise((resolve, reject) => {
        if (output.includes(text)) resolve();
        else waiting.push({ text, resolve, reject });
      }),
    interrupt: () => {
      child.kill('SIGINT');
      return exited;
    },
  };
}

/** Writes output as it comes, each line of it indented, wherever the chunks are cut. */
function printer(): (chunk: Buffer) => void {
  let atLineStart = true;
  return (chunk) => {
    const text = chunk.toString();
    const indented = text.replace(/^(?=[^\n])/gm, (_match, offset: number) =>
      offset > 0 || atLineStart ? '    ' : '',
    );
    atLineStart = text.endsWith('\n');
    process.stdout.write(indented);
  };
}
