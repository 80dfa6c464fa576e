// Java's own HttpClient as everybody makes it: on plain http it offers h2c beside its first request.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;

public class Offer {
    public static void main(String[] said) throws Exception {
        String basic = Base64.getEncoder().encodeToString("backend:backend-secret".getBytes());
        ask(HttpRequest.newBuilder(URI.create(said[0] + "/token"))
            .header("Authorization", "Basic " + basic)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString("grant_type=client_credentials")));
        ask(HttpRequest.newBuilder(URI.create(said[0] + "/api/auth/login"))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(said[1])));
    }

    private static void ask(HttpRequest.Builder request) throws Exception {
        var answer = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
        System.out.println(answer.version() + " " + answer.statusCode() + " " + answer.body().contains("access_token"));
    }
}
