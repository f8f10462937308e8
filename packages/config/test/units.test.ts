// Situations of durations and sizes.
import t from 'tap';
import { parseDuration, parseSize } from '../src/index.ts';

t.test('durations with units, also combined', async (t) => {
  t.same(
    ['250ms', '30s', '1h30m', '0.5s', '1d'].map(parseDuration),
    [250, 30_000, 5_400_000, 500, 86_400_000],
  );
});

t.test('a duration without unit, negative or empty is refused', async (t) => {
  for (const text of ['30', '-1s', '', 's', '1 s', '1.2.3s'])
    t.throws(() => parseDuration(text), { code: 'ERR_CONFIG_DURATION' });
});

t.test('sizes, binary and decimal', async (t) => {
  t.same(['7', '64Ki', '10M', '1Gi'].map(parseSize), [7, 65_536, 10_000_000, 2 ** 30]);
});

t.test('a size with a fraction, sign or unknown unit is refused', async (t) => {
  for (const text of ['1.5Mi', '-1', '', '1KB', '99999999999999999Gi'])
    t.throws(() => parseSize(text), { code: 'ERR_CONFIG_SIZE' });
});
