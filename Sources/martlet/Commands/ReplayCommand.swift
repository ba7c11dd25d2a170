import ArgumentParser
import Control
import Router

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Put captures through the data plane; needs no privileges.")

    @Option(help: "The configuration, with a static part that stands in for the kernel.")
    var config: String

    @Option(name: .customLong("in"), help: ArgumentHelp("A capture to receive on a port.", valueName: "PORT=FILE"))
    var inputs: [String]

    @Option(help: "The folder to write to: one capture a port and one for the host, the log, what NFLOG copies.")
    var out: String

    @OptionGroup var options: ListOptions

    private var pairs: [(port: String, file: String)?] {
        inputs.map { text in
            guard let sign = text.firstIndex(of: "="), sign != text.startIndex else { return nil }
            let file = text[text.index(after: sign)...]
            return file.isEmpty ? nil : (String(text[..<sign]), String(file))
        }
    }

    func validate() throws {
        for (text, pair) in zip(inputs, pairs) where pair == nil {
            throw ValidationError("--in takes PORT=FILE, not \"\(text)\"")
        }
        if Set(pairs.compactMap { $0?.port }).count != inputs.count {
            throw ValidationError("--in names a port twice")
        }
    }

    func run() throws {
        let stats = try Replay.run(
            configurationPath: config, inputs: pairs.compactMap { $0 }.map { Replay.Input(port: $0.port, file: $0.file) },
            folder: out)
        Output.standard.write(options.json ? try ClientOptions.json(stats) + "\n" : stats.text)
        guard stats.isBalanced else { throw Failure("the books do not balance") }
    }
}
