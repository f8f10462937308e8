// Frames as literal bytes, so that the wire cannot change unseen.
import t from 'tap';
import { decodeFrames } from '../src/decode.ts';
import { encodeFrame, encodeReason, MessageWriter } from '../src/frame.ts';
import { DEFAULT_LIMITS } from '../src/index.ts';

const literal: [string, Buffer, string][] = [
  [
    'OPEN',
    encodeFrame(2, 1, 5, Buffer.alloc(16, 0xab), Buffer.from([0, 4, 0, 0]), Buffer.from('m')),
    '020100000000000500000015abababababababababababababababab000400006d',
  ],
  ['HEAD', encodeFrame(3, 0, 5, Buffer.from('h')), '03000000000000050000000168'],
  ['DATA', encodeFrame(4, 1, 0xfffffff0, Buffer.from('hi')), '04010000fffffff0000000026869'],
  ['END', encodeFrame(5, 0, 5), '050000000000000500000000'],
  ['CREDIT', encodeFrame(6, 0, 5, Buffer.from([0, 2, 0, 0])), '06000000000000050000000400020000'],
  ['RESET', encodeFrame(7, 0, 5, encodeReason(4, 'é')), '0700000000000005000000040004c3a9'],
  ['PING', encodeFrame(8, 0, 0, Buffer.from('12345678')), '0800000000000000000000083132333435363738'],
  ['ACK', encodeFrame(10, 0, 0, Buffer.from('000000010000', 'hex')), '0a0000000000000000000006000000010000'],
  ['GOAWAY', encodeFrame(11, 0, 0, encodeReason(11, 'x')), '0b0000000000000000000003000b78'],
  ['INFO', encodeFrame(12, 0, 0, Buffer.from('1')), '0c000000000000000000000131'],
];

for (const [name, bytes, hex] of literal) {
  t.test(`${name} is ${hex}`, async (t) => {
    t.equal(bytes.toString('hex'), hex);
    let seen = 0;
    decodeFrames(bytes, DEFAULT_LIMITS, {
      frame(type, flags, stream, payload) {
        seen += 1;
        t.equal(encodeFrame(type, flags, stream, payload).toString('hex'), hex);
        return true;
      },
    });
    t.equal(seen, 1);
  });
}

t.test('a writer puts several frames into one message and keeps messages apart', async (t) => {
  const writer = new MessageWriter();
  writer.begin();
  writer.header(6, 0, 1, 4);
  writer.u32(258);
  writer.header(10, 0, 0, 6);
  writer.u48(0x0102_0304_0506);
  const first = writer.take();
  writer.begin();
  writer.header(5, 0, 3, 0);
  const second = writer.take();
  t.equal(first.toString('hex'), '060000000000000100000004000001020a0000000000000000000006010203040506');
  t.equal(second.toString('hex'), '050000000000000300000000');
});

t.test('a reason is cut at 1 KiB between characters', async (t) => {
  const payload = encodeReason(2, `${'x'.repeat(1023)}é`);
  t.equal(payload.length, 2 + 1023);
  t.equal(encodeReason(2, 'é'.repeat(2000)).length, 2 + 1024);
});
