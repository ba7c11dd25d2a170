import Control
import Router

/// The entry points of the router that commands call without a daemon.
enum Engine {
    /// Whether rules and packets can be worked on by this build; if not, the commands that need it say so and fail.
    private static let unavailable = Failure("this build of martlet holds no data plane")

    /// Forwards until it is told to end.
    static func run(configurationPath: String) throws {
        _ = try loaded(configurationPath)
        throw unavailable
    }

    /// What is wrong with a configuration and the files it names.
    static func check(configurationPath: String) -> [Diagnostic] {
        ConfigurationCheck.run(path: configurationPath, rules: checkRules)
    }

    /// What is wrong with iptables-save text.
    static func checkRules(text: String, file: String) -> [Diagnostic] {
        [Diagnostic(file: file, message: unavailable.message)]
    }

    /// Puts captures through the data plane and writes what each port sends to `folder`.
    static func replay(configurationPath: String, inputs: [(port: String, file: String)], folder: String) throws {
        let configuration = try loaded(configurationPath)
        guard let network = configuration.staticNetwork else {
            throw Failure("\(configurationPath): replay needs a \"static\" part, which stands in for the kernel")
        }
        for input in inputs where !network.ports.contains(where: { $0.name == input.port }) {
            throw Failure("--in \(input.port)=\(input.file): the configuration describes no port \(input.port)")
        }
        throw unavailable
    }

    private static func loaded(_ path: String) throws(Failure) -> Configuration {
        do throws(ConfigurationError) {
            return try Configuration.load(path)
        } catch {
            throw Failure("", diagnostics: error.diagnostics)
        }
    }
}
