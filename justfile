# What CI runs.
ci:
    .ci/run

# All tests.
test:
    go test ./...

# The tests of the kernels on arm64, emulated (apt install qemu-user).
arm64 qemu="qemu-aarch64":
    CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go vet ./kernels/...
    CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go test -count=1 -timeout 1h -exec {{qemu}} ./kernels/...

# All tests under the race detector (needs a C compiler), but for those that
# count allocations or memory, of which it takes its own.
race:
    CGO_ENABLED=1 go test -race -skip 'AllocateNothing|InspectLimits' ./...

# Rebuild the guest: what is generated in guest/image.
guest:
    go run ./guest/image/build

# Note which functions of the guest most models and files need, and rebuild it.
hot models="out/models":
    #!/usr/bin/env bash
    set -eufo pipefail
    models=$(realpath {{models}}) shared=$PWD/../shared/models data=$PWD/testdata
    hot=(digits.onnx five.png test_data_set_0/input_0.pb $models/m_{mobilenetv2,resnet50,minilm_l6_s128}.onnx
        $shared/{mnist-cntk,mnist-burn,ppocr-v4,yolox-nano,ultraface,super-resolution,magika-v3_3}/*.onnx)
    warm=(*.onnx $models/m_mobilenetv2.onnx $data/{weights/*.[^pj]*,flux/*.bson,architecture/digits.json}
        $shared/{flux/*.[bj]*,alphago-bson/*.bson,mnist-burn/*.safetensors} $shared/../conformance/bson/*.bson)
    go run ./guest/image/build
    GLOVEBOX_HOT_OUT=$PWD/guest/image GLOVEBOX_HOT="${hot[*]}" GLOVEBOX_WARM="${warm[*]}" go test -count=1 -run 'TestHot$' ./runtime
    go run ./guest/image/build

# The models and conformance data beside the checkout.
shared:
    go run ./cli/glovebox test --quiet ../shared/models || true
    go run ./cli/glovebox test --quiet ../shared/conformance/onnx/node | tail -n 1

# Time the models beside ONNX Runtime and write BENCHMARKS.md. Needs a Python
# with numpy, onnx and onnxruntime, and writes the large networks into MODELS.
bench models="out/models" python="python3" *args:
    go build -o out/glovebox ./cli/glovebox
    test -d {{models}} || {{python}} ../shared/bench/gen_models.py {{models}}
    {{python}} docs/bench/bench.py out/glovebox {{models}} ../shared/models {{args}}

# The limits in milliseconds, on a quiet machine.
limits:
    GLOVEBOX_LIMITS=1 go test -count=1 -run 'Limit|Deadline|Collector' ./runtime/... ./cli

# What the box costs a served run, in nanoseconds.
overhead:
    go test -count=1 -run '^$' -bench Served ./runtime

# What an element of each function of map takes on each type, in nanoseconds.
functions pattern=".":
    go test -count=1 -run '^$' -bench 'Functions/{{pattern}}' -benchtime 30x ./kernels

# How many times as long ops take on subnormal numbers.
subnormal:
    go test -count=1 -run '^$' -bench Subnormal -benchtime 20x ./kernels

# Every float32 function over all 2^32 arguments. Takes hours.
exhaustive:
    GLOVEBOX_EXHAUSTIVE=1 go test -count=1 -timeout 24h -run Exhaustive ./kernels/...

# Each fuzz target for a while, of which making inputs shorter would take most.
fuzz time="1m":
    #!/usr/bin/env bash
    set -euo pipefail
    for p in $(go list ./...); do
        for f in $(go test -list '^Fuzz' "$p" | grep '^Fuzz' || true); do
            echo "$p $f"
            go test -run '^$' -fuzz "^$f\$" -fuzztime {{time}} -fuzzminimizetime 1s "$p"
        done
    done
