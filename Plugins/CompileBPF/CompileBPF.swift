import Foundation
import PackagePlugin

/// Compiles every `NAME.bpf.c` of a target with the toolchain's clang and emits `BPFObject_NAME.swift`, which holds the
/// object file as hexadecimal text in one `StaticString`. (An array literal of that size would keep the Swift compiler
/// busy for minutes.)
///
/// Every header of the folder is an input of every object, so a changed layout recompiles all that share it.
@main
struct CompileBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let clang = try context.tool(named: "clang").url
        let files = try FileManager.default.contentsOfDirectory(
            at: target.directoryURL, includingPropertiesForKeys: nil
        ).sorted { $0.path < $1.path }
        let headers = files.filter { $0.pathExtension == "h" }

        return files.filter { $0.lastPathComponent.hasSuffix(".bpf.c") }.map { source in
            let name = String(source.lastPathComponent.dropLast(".bpf.c".count))
            let object = context.pluginWorkDirectoryURL.appending(path: "\(name).o")
            let swift = context.pluginWorkDirectoryURL.appending(path: "BPFObject_\(name).swift")
            return .buildCommand(
                displayName: "Compiling BPF program \(name)",
                executable: URL(filePath: "/bin/sh"),
                // The arguments after the script's name are its $1 to $5: no path is ever read as shell text.
                arguments: ["-euc", Self.script, "compile-bpf", clang.path, source.path, object.path, swift.path, name],
                inputFiles: [source, clang] + headers,
                outputFiles: [swift])
        }
    }

    /// Debian and Ubuntu keep asm/types.h in a folder named after the machine; clang's bpf target does not look there.
    static let script = """
        "$1" -target bpf -O2 -g -Wall -Wextra -Werror -I"/usr/include/$(uname -m)-linux-gnu" -c "$2" -o "$3"
        {
            printf 'extension ObjectText {\\n    /// The ELF object of bpf/%s.bpf.c.\\n' "$5"
            printf '    static let %s: StaticString = "' "$5"
            od -An -v -tx1 "$3" | tr -d ' \\n'
            printf '"\\n}\\n'
        } > "$4"
        """
}
