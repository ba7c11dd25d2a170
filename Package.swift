// swift-tools-version: 6.2
import PackageDescription

// Every target is built with strict memory safety: each use of a raw pointer says `unsafe` where it stands, so that
// all of them can be found by searching for one word.
let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // The world outside: libxdp, libbpf, kernel headers, and the map layouts shared with bpf/.
        .systemLibrary(
            name: "CXDP", pkgConfig: "libxdp", providers: [.apt(["libxdp-dev", "libbpf-dev", "libelf-dev", "pkg-config"])]),
        .plugin(name: "CompileBPF", capability: .buildTool()),
        .target(
            name: "BPFPrograms", dependencies: ["CXDP"], path: "bpf",
            sources: ["BPFPrograms.swift", "LoadedObject.swift"], swiftSettings: settings, plugins: ["CompileBPF"]),

        // The router, from values to the whole. Arrows never turn back.
        .target(name: "Net", swiftSettings: settings),
        .target(name: "Rules", dependencies: ["Net"], swiftSettings: settings),
        .target(name: "Dataplane", dependencies: ["Net"], swiftSettings: settings),
        .target(name: "PacketIO", dependencies: ["CXDP", "BPFPrograms", "Net"], swiftSettings: settings),
        .target(name: "Kernel", dependencies: ["CXDP", "BPFPrograms", "Net"], swiftSettings: settings),
        .target(name: "Control", dependencies: ["Net"], swiftSettings: settings),
        .target(
            name: "Router",
            dependencies: [
                "CXDP", "Net", "Rules", "Dataplane", "PacketIO", "Kernel", "Control",
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "Router", "Rules", "Control",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),

        .target(name: "TestSupport", dependencies: ["CXDP", "Net"], path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "NetTests", dependencies: ["Net"], swiftSettings: settings),
        .testTarget(name: "RulesTests", dependencies: ["Rules", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "DataplaneTests", dependencies: ["Dataplane", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "PacketIOTests", dependencies: ["PacketIO", "Kernel", "BPFPrograms", "CXDP", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "KernelTests", dependencies: ["Kernel", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "ControlTests", dependencies: ["Control"], swiftSettings: settings),
        .testTarget(name: "RouterTests", dependencies: ["Router", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "NamespaceTests", dependencies: ["TestSupport", "Router"], swiftSettings: settings),

        // Random rules and conversations, the kernel beside Martlet: a library, its tests, and what `make twins` runs.
        .target(
            name: "Twins", dependencies: ["CXDP", "Net", "Rules", "Router", "Control", "Dataplane", "TestSupport"],
            path: "Tests/Twins", swiftSettings: settings),
        .executableTarget(
            name: "martlet-twins", dependencies: ["Twins", "TestSupport"], path: "Tests/TwinsTool",
            swiftSettings: settings),
        .testTarget(name: "TwinTests", dependencies: ["Net", "Twins", "TestSupport"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers need a build of their own, with every module instrumented: `scripts/fuzz` asks for them.
if Context.environment["MARTLET_FUZZ"] != nil {
    let fuzz: [SwiftSetting] = settings + [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])]
    let link: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
    package.targets.append(
        .target(name: "FuzzSupport", dependencies: ["Control", "Net", "Router", "Rules", "TestSupport"], path: "Tests/FuzzSupport", swiftSettings: fuzz))
    for name in ["RulesFuzzer", "FrameFuzzer", "FragmentFuzzer", "TCPFuzzer", "ICMPErrorFuzzer", "FTPFuzzer", "IRCFuzzer", "TFTPFuzzer", "AmandaFuzzer"] {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: ["FuzzSupport", "Net", "Router", "Rules", "TestSupport"], path: "Tests/Fuzzers/\(name)",
                exclude: ["RulesFuzzer", "FTPFuzzer", "IRCFuzzer", "TFTPFuzzer", "AmandaFuzzer"].contains(name) ? ["seeds"] : [], swiftSettings: fuzz, linkerSettings: link))
    }
}

// What `scripts/bench --measure flows` runs: the data plane alone, in one process.
if Context.environment["MARTLET_BENCH"] != nil {
    package.targets.append(
        .executableTarget(name: "martlet-flow-bench", dependencies: ["Dataplane", "Net"], path: "bench/dataplane", swiftSettings: settings))
}
