package wiki;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A site of Spring Boot with nothing but its starter: it says who is logged in, and their access token, which is refreshed. */
@SpringBootApplication
@RestController
public class Wiki {
  public static void main(String[] args) {
    SpringApplication.run(Wiki.class, args);
  }

  @GetMapping("/who")
  Map<String, Object> who(@AuthenticationPrincipal OidcUser person) {
    return person.getClaims();
  }

  @GetMapping("/token")
  String token(@RegisteredOAuth2AuthorizedClient("authsvc") OAuth2AuthorizedClient client) {
    return client.getAccessToken().getTokenValue();
  }
}
