// Loads a model with onnxruntime-web on one thread, runs it once, and then as
// often as lines of standard input say, each time printing the median.
//
//     node docs/bench/web.mjs FOLDER MODEL.onnx INPUTS.json
//
// FOLDER has onnxruntime-web in its node_modules. INPUTS.json lists the type,
// dims and base64 data of the inputs; those that are not there are random.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [folder, path, inputs] = process.argv.slice(2);
const given = JSON.parse(readFileSync(inputs));
const kinds = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };
const ort = createRequire(resolve(folder, "x.js"))("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
let start = performance.now();
const session = await ort.InferenceSession.create(readFileSync(path), { executionProviders: ["wasm"] });
const load = performance.now() - start;
const feed = {};
for (const [i, input] of session.inputMetadata.entries()) {
  if (i < given.length) {
    const { type, dims, data } = given[i];
    const bytes = Uint8Array.from(Buffer.from(data, "base64"));
    feed[input.name] = new ort.Tensor(type, new kinds[type](bytes.buffer), dims);
    continue;
  }
  const dims = input.shape.map((d) => (typeof d === "number" && d > 0 ? d : 1));
  const n = dims.reduce((a, b) => a * b, 1);
  feed[input.name] =
    input.type === "int64"
      ? new ort.Tensor("int64", BigInt64Array.from({ length: n }, () => BigInt(Math.random() < 0.5)), dims)
      : new ort.Tensor("float32", Float32Array.from({ length: n }, Math.random), dims);
}
start = performance.now();
await session.run(feed);
console.log(JSON.stringify({ load_ms: load, first_ms: performance.now() - start }));
for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let i = 0; i < Number(line); i++) {
    start = performance.now();
    await session.run(feed);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ median_ms: times[times.length >> 1] }));
}
